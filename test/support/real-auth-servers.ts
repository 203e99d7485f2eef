import { DEFAULT_PASSWORD_POLICY } from '../../auth-server/src/accounts/passwords/password-policy.ts'
import { fork, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  admin,
  createPasswordHasher,
  demoRegistry,
  keyTimesOf,
  migrate,
  parseKeyRing,
  postgresStore,
  seedDemo
} from '@sallyport/auth-server'
import type { Fetch } from '@sallyport/authentication'
import { SERVICES, startPostgres } from '@sallyport/local'
import type { Knex } from 'knex'
import { freePort } from './free-port.ts'
import { Agent, fetch } from 'undici'
import { connect } from './database.ts'

/** Issuer of all instances: a name that nobody connects to, since each verifier is given an instance. */
export const ISSUER = 'http://127.0.0.1:1'
export const AUDIENCE = 'sallyport-gateway'
const SEALING_KEYS = `k1:${Buffer.alloc(32, 'k7').toString('base64url')}`
const SERVER = fileURLToPath(new URL('../../auth-server/src/server.ts', import.meta.url))
const APP_ROLE = 'sallyport_app'
export const LOAD_PASSWORD = 'password of a load user'
const LONGEST_ANSWER_MS = 300_000

/** Settings of the server that a measurement may change. */
export interface ServerTimes {
  readonly accessTokenLifetimeSeconds?: number
  readonly statusListLifetimeSeconds?: number
  readonly jwksMaxAgeSeconds?: number
  readonly passwordConcurrency?: number
}

/** Authorization servers in processes of their own, on one PostgreSQL. */
export interface RealAuthServers {
  readonly origins: readonly string[]
  /** Origins of the operations listeners. */
  readonly operations: readonly string[]
  readonly pids: readonly number[]
  readonly db: Knex
  readonly administration: admin.KeyAdministration
  /** Posts a form as the client `gateway` to one instance. */
  readonly post: (
    instance: number,
    path: string,
    form: Record<string, string>
  ) => Promise<{ status: number; text: string }>
  /** Gets what is at a path of one instance, to its end. */
  readonly get: (instance: number, path: string) => Promise<{ status: number; etag: string | null; text: string }>
  /** Logs a user of {@link createUsers} in. */
  readonly login: (instance: number, username: string) => Promise<{ access_token: string; refresh_token: string }>
  /** CPU time that the process of an instance has taken, all its threads, in ms. Linux only. */
  readonly cpuMs: (instance: number) => number
  /** `count` users, `load0` and so on. */
  readonly createUsers: (count: number) => Promise<void>
  /** Fetches what is at the issuer from one instance. */
  readonly fetchFrom: (instance: number) => Fetch
  readonly close: () => Promise<void>
}

/** Starts PostgreSQL with its durable defaults and `instances` servers. */
export async function startRealAuthServers(instances: number, times: ServerTimes = {}): Promise<RealAuthServers> {
  const directory = fileURLToPath(new URL(`../../.sallyport/stress-${randomBytes(4).toString('hex')}`, import.meta.url))
  mkdirSync(directory, { recursive: true })
  const postgres = await startPostgres({ directory, keeper: true, settings: { max_connections: '200' } })
  const secrets = Object.fromEntries(
    demoRegistry(SERVICES).clients.map(({ id, confidential }) => [
      id,
      { secret: confidential === false ? null : randomBytes(32).toString('base64url') }
    ])
  )
  const db = connect(postgres.url, 10)
  const rolePassword = randomBytes(18).toString('hex')
  await db.raw(`create role ${APP_ROLE} login password '${rolePassword}'`)
  await migrate(db, { appRole: APP_ROLE, prunerRole: APP_ROLE })
  await seedDemo(db, { issuer: ISSUER, services: SERVICES, users: {}, clients: secrets })
  const url = new URL(postgres.url)
  url.username = APP_ROLE
  url.password = rolePassword
  const servers: Array<{ child: ChildProcess; origin: string; operations: string }> = []
  const agent = new Agent({ connections: 128, headersTimeout: LONGEST_ANSWER_MS, bodyTimeout: LONGEST_ANSWER_MS })
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(async ({ child }) => await stop(child)))
    await agent.destroy()
    await db.destroy()
    await postgres.stop()
    for (const path of [dirname(postgres.dataDirectory), directory]) rmSync(path, { recursive: true, force: true })
  }
  try {
    for (let n = 0; n < instances; n++) servers.push(await startServer(url.href, times))
  } catch (error) {
    await close()
    throw error
  }
  const originOf = (instance: number): string => servers[instance % servers.length]?.origin ?? ''
  const authorization = `Basic ${Buffer.from(`gateway:${secrets['gateway']?.secret ?? ''}`).toString('base64')}`
  const administration: admin.KeyAdministration = {
    store: postgresStore(db),
    clock: Date.now,
    passwords: createPasswordHasher({ concurrency: 2, queueLength: 10_000 }),
    passwordPolicy: DEFAULT_PASSWORD_POLICY,
    statusListSize: 65_536,
    ring: parseKeyRing(SEALING_KEYS),
    keyTimes: keyTimesOf({
      jwksMaxAgeSeconds: 300,
      accessTokenLifetimeSeconds: 300,
      statusListLifetimeSeconds: 600,
      ...times
    }),
    audit: async () => {}
  }
  const post: RealAuthServers['post'] = async (instance, path, form) => {
    const response = await fetch(originOf(instance) + path, {
      method: 'POST',
      dispatcher: agent,
      headers: { authorization },
      body: new URLSearchParams(form)
    })
    return { status: response.status, text: await response.text() }
  }
  return {
    origins: servers.map(({ origin }) => origin),
    operations: servers.map(({ operations }) => operations),
    pids: servers.map(({ child }) => child.pid ?? 0),
    db,
    administration,
    post,
    get: async (instance, path) => {
      const response = await fetch(originOf(instance) + path, { dispatcher: agent })
      return { status: response.status, etag: response.headers.get('etag'), text: await response.text() }
    },
    login: async (instance, username) => {
      const { status, text } = await post(instance, '/oauth2/token', {
        grant_type: 'password',
        username,
        password: LOAD_PASSWORD
      })
      if (status !== 200) throw new Error(`login answered ${status}: ${text}`)
      return JSON.parse(text) as { access_token: string; refresh_token: string }
    },
    cpuMs: instance => cpuMsOf(servers[instance % servers.length]?.child.pid ?? 0),
    createUsers: async count => {
      for (let n = 0; n < count; n++) {
        await admin.createUser(administration, { username: `load${n}`, password: LOAD_PASSWORD, roles: ['CUSTOMER'] })
      }
    },
    fetchFrom: instance => async (address, init) =>
      await fetch(address.replace(ISSUER, originOf(instance)), { ...init, dispatcher: agent } as Parameters<
        typeof fetch
      >[1]),
    close
  }
}

async function startServer(
  databaseUrl: string,
  times: ServerTimes
): Promise<{ child: ChildProcess; origin: string; operations: string }> {
  const operationsPort = await freePort()
  const child = fork(SERVER, [], {
    execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning'],
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'development',
      LOG_LEVEL: 'error',
      PORT: '0',
      SALLYPORT_OPERATIONS_PORT: String(operationsPort),
      SALLYPORT_DRAIN_DELAY_MS: '0',
      SALLYPORT_ISSUER: ISSUER,
      DATABASE_URL: databaseUrl,
      SALLYPORT_SEALING_KEYS: SEALING_KEYS,
      ...Object.fromEntries(
        Object.entries(times).map(([key, value]) => [
          `SALLYPORT_${key.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()}`,
          String(value)
        ])
      )
    }
  })
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`auth-server ended with ${String(code)} before it was ready`)
    })
  ])) as [{ type: string; url: string; message?: string }]
  if (message.type !== 'ready') throw new Error(message.message)
  return { child, origin: message.url, operations: `http://127.0.0.1:${operationsPort}` }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

/** User and system time, which the kernel tells in hundredths of a second. @see proc_pid_stat(5) */
function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const [, , , , , , , , , , , user = '0', system = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(user) + Number(system)) * 10
}
