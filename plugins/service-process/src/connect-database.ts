import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import knex, { type Knex } from 'knex'
import { databaseLog } from './database-log.ts'
import { databaseUrlMistake } from './database-url.ts'
import { DatabaseUrlError } from './errors.ts'
import { databaseLogin, databaseLoginSubscriber, type LoggedInConnection } from './live-database.ts'
import { readOnlyServers } from './read-only-server.ts'
import { budgetConnections, budgetStatements, type BudgetedConnection } from './statement-budget.ts'
import type { ProcessSettings } from './settings.ts'

/** The part of a driver connection that is used here. */
interface DriverConnection extends LoggedInConnection, BudgetedConnection {
  readonly connection: Pick<EventEmitter, 'on'> & { readonly stream: Socket }
  /** False while an answer is due. */
  readonly readyForQuery: boolean
}

type PoolCallback = (error: Error | null, connection: DriverConnection) => void

/** The settings of a pool. */
export interface DatabaseSettings extends Pick<ProcessSettings, 'databaseConnections' | 'databaseTimeoutMs'> {
  readonly databaseUrl: string
}

/** A readiness check: rejects while the database does not answer. */
export function databaseAnswers(database: Knex): () => Promise<void> {
  return async function askDatabase() {
    await database.raw('select 1')
  }
}

/** Readiness checks of a process that needs its database and the keys of its issuer. */
export function databaseAndKeys(
  database: Knex,
  keys: { readonly ready: () => Promise<void> }
): Readonly<Record<'database' | 'keys', () => Promise<void>>> {
  return { database: databaseAnswers(database), keys: () => keys.ready() }
}

/**
 * A pool of the app role. Nothing waits for the database longer than `databaseTimeoutMs`: not for a connection, not for
 * a statement (the server gives it up by then too), and not for an answer that never comes. A request that has less
 * time left waits no longer than that.
 * @throws {DatabaseUrlError} `SALLYPORT_PROCESS_DATABASE_URL_INVALID`
 */
export function connectDatabase(settings: DatabaseSettings): Knex {
  return openDatabase(settings).pool
}

/** A pool, and what lets its login change while it works. */
export interface OpenDatabase {
  readonly pool: Knex
  /** Takes part in changes of settings. */
  readonly subscriber: ReturnType<typeof databaseLoginSubscriber>
}

/**
 * The pool of {@link connectDatabase} for a process whose settings are live.
 * @throws {DatabaseUrlError} `SALLYPORT_PROCESS_DATABASE_URL_INVALID`
 */
export function openDatabase({ databaseUrl, databaseConnections, databaseTimeoutMs }: DatabaseSettings): OpenDatabase {
  const mistake = databaseUrlMistake(databaseUrl)
  if (mistake !== null) throw new DatabaseUrlError(mistake)
  const login = databaseLogin(databaseUrl)
  const servers = readOnlyServers<DriverConnection>()
  const pool = knex({
    client: 'pg',
    log: databaseLog,
    connection: () => {
      const url = login.url()
      return {
        connectionString: url,
        connectionTimeoutMillis: databaseTimeoutMs,
        statement_timeout: databaseTimeoutMs,
        idle_in_transaction_session_timeout: 2 * databaseTimeoutMs,
        keepAlive: true,
        expirationChecker: () => url !== login.url()
      }
    },
    acquireConnectionTimeout: databaseTimeoutMs,
    pool: {
      min: 0,
      max: databaseConnections,
      afterCreate: (connection: DriverConnection, done: PoolCallback) => {
        dropWhenSilent(connection, databaseTimeoutMs)
        budgetStatements(connection, databaseTimeoutMs)
        servers.watch(connection)
        done(null, connection)
      },
      // Looked at before each use: what is logged in otherwise, or leads to a server that takes no changes, is closed.
      validate: (connection: DriverConnection) => login.isOf(connection) && servers.isWritable(connection)
    }
  })
  budgetConnections(pool.client.pool, databaseTimeoutMs)
  return { pool, subscriber: databaseLoginSubscriber({ login, timeoutMs: databaseTimeoutMs }) }
}

/**
 * Destroys a connection whose answer does not come in time: the query is rejected and the pool makes a new connection.
 * The driver's own timeout would leave the dead connection in the pool.
 */
function dropWhenSilent(driver: DriverConnection, timeoutMs: number): void {
  const { stream } = driver.connection
  // A listener that stays: the callback of `setTimeout` would be gone after the first quiet moment of an idle
  // connection.
  stream.on('timeout', () => {
    if (!driver.readyForQuery) stream.destroy(new Error('Connection terminated: the database gave no answer in time'))
  })
  // A little later than the limit of the server, whose error says more.
  stream.setTimeout(timeoutMs + 250)
}
