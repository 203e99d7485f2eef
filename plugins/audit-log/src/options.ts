import type { Policy } from '@sallyport/security-context'
import { scheduleByTimer, type Schedule } from '@sallyport/security-context/mechanics'
import type { FastifyRequest } from 'fastify'
import type { Knex } from 'knex'
import { AuditOptionsError } from './errors.ts'
import { createHashName, isNameKey, type HashName, type NameKey } from './hash-name.ts'

/** Where a request came from. */
export interface RequestAddresses {
  /** The end user's address, as far as it is believed. */
  readonly source: string
  /** The TCP peer's, which is a hop's where it is another than the source. */
  readonly peer?: string | null | undefined
}

/** Options of the audit log plugin. */
export interface AuditLogOptions {
  /** Pool of the app role, on the database that holds the business tables too. Not destroyed by the plugin. */
  readonly db: Knex
  /** Name of this service in every row. */
  readonly process: string
  /**
   * How often committed rows are sealed, default every 1000 ms, and after how many intervals without success
   * `auditHealth.check` rejects, default 10; or `false` when another process of this database seals.
   */
  readonly sealer?: Partial<SealerIntervals> | false
  /** Serves the trail under this path, to whom the policy allows. Default: no route. */
  readonly route?: { readonly path: string; readonly access: Policy | 'authenticated' } | false
  /**
   * What becomes of a 2xx or 3xx of a mutating route that declares an audit action and wrote no row: `record` writes
   * one, logs an error and adds a security event; `refuse` answers 500, for tests. Default `record`.
   */
  readonly unfulfilled?: 'record' | 'refuse'
  /** More member names whose values are redacted in `detail`, compared without case. */
  readonly redact?: readonly string[]
  /**
   * How long a response waits for its row before it becomes a 503, and how long each insert, each step of the sealer
   * and each reading of the trail may take. Default 5000 ms.
   */
  readonly writeTimeoutMs?: number
  /**
   * Refusals before a principal is known are counted: how often the counts are written (default every 60 000 ms), and
   * how many kinds (source, route, reason, account tried) are told apart at a time (default 500); the rest is one
   * count.
   */
  readonly refusals?: { readonly intervalMs?: number; readonly maxKeys?: number }
  /**
   * Hashes the account names that were tried and are no account. Processes with the same key write hashes that can be
   * compared. Default: a random key of this process, named `process`.
   */
  readonly nameKey?: NameKey
  /** Where a request came from. Default: `request.ip`, which follows `trustProxy`, and the TCP peer. */
  readonly addresses?: (request: FastifyRequest) => RequestAddresses
  /** So many rows wait for the insert under way; further ones are refused with 503. Default 2000. */
  readonly maxWaitingRows?: number
  /** Collaborators, replaced by tests. */
  readonly clock?: () => Date
  /** Milliseconds of a clock that is never set, for `auditHealth`. */
  readonly monotonicMs?: () => number
  readonly schedule?: Schedule
}

/** Rhythm of the sealer. */
export interface SealerIntervals {
  readonly intervalMs: number
  readonly stalledAfterIntervals: number
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly db: Knex
  readonly process: string
  readonly sealer: SealerIntervals | false
  readonly route: { readonly path: string; readonly access: Policy | 'authenticated' } | false
  readonly unfulfilled: 'record' | 'refuse'
  readonly secretNames: ReadonlySet<string>
  readonly writeTimeoutMs: number
  readonly refusals: { readonly intervalMs: number; readonly maxKeys: number }
  readonly hashName: HashName
  readonly addresses: (request: FastifyRequest) => RequestAddresses
  readonly maxWaitingRows: number
  readonly clock: () => Date
  readonly monotonicMs: () => number
  readonly schedule: Schedule
}

const NAME_KEY_RULE =
  'nameKey must have an id of 1 to 64 characters A-Za-z0-9._-, not process, and a key of 32 bytes or more'

/**
 * Fills in the defaults.
 * @throws {AuditOptionsError} `SALLYPORT_AUDIT_OPTIONS`, naming every mistake
 */
export function resolveOptions(options: AuditLogOptions): ResolvedOptions {
  const nameKey = options.nameKey !== undefined && isNameKey(options.nameKey) ? options.nameKey : undefined
  const resolved: ResolvedOptions = {
    db: options.db,
    process: options.process,
    sealer: options.sealer === false ? false : { intervalMs: 1000, stalledAfterIntervals: 10, ...options.sealer },
    route: options.route ?? false,
    unfulfilled: options.unfulfilled ?? 'record',
    secretNames: new Set(options.redact?.map(name => name.toLowerCase())),
    writeTimeoutMs: options.writeTimeoutMs ?? 5000,
    refusals: { intervalMs: options.refusals?.intervalMs ?? 60_000, maxKeys: options.refusals?.maxKeys ?? 500 },
    hashName: createHashName(nameKey),
    addresses: options.addresses ?? ownAddresses,
    maxWaitingRows: options.maxWaitingRows ?? 2000,
    clock: options.clock ?? (() => new Date()),
    monotonicMs: options.monotonicMs ?? (() => performance.now()),
    schedule: options.schedule ?? scheduleByTimer
  }
  const mistakes = mistakesIn(resolved)
  if (options.nameKey !== nameKey) mistakes.push(NAME_KEY_RULE)
  if (mistakes.length > 0) throw new AuditOptionsError(mistakes.join('; '))
  return Object.freeze(resolved)
}

function mistakesIn(options: ResolvedOptions): string[] {
  const { sealer, route } = options
  const checks: readonly (readonly [boolean, string])[] = [
    [typeof options.db === 'function' && options.db.isTransaction !== true, 'db must be a knex pool'],
    [typeof options.process === 'string' && options.process !== '', 'process must be a name'],
    [sealer === false || isPositive(sealer.intervalMs), 'sealer.intervalMs must be a positive whole number'],
    [
      sealer === false || isPositive(sealer.stalledAfterIntervals),
      'sealer.stalledAfterIntervals must be a positive whole number'
    ],
    [isPositive(options.writeTimeoutMs), 'writeTimeoutMs must be a positive whole number'],
    [isPositive(options.refusals.intervalMs), 'refusals.intervalMs must be a positive whole number'],
    [isPositive(options.refusals.maxKeys), 'refusals.maxKeys must be a positive whole number'],
    [isPositive(options.maxWaitingRows), 'maxWaitingRows must be a positive whole number'],
    [options.unfulfilled === 'record' || options.unfulfilled === 'refuse', 'unfulfilled must be record or refuse'],
    [
      route === false || (typeof route.path === 'string' && route.path.startsWith('/')),
      'route.path must begin with a slash'
    ],
    [
      route === false || route.access === 'authenticated' || typeof route.access === 'object',
      'route.access must be a policy or authenticated'
    ]
  ]
  return checks.filter(([valid]) => !valid).map(([, mistake]) => mistake)
}

function isPositive(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0
}

function ownAddresses(request: FastifyRequest): RequestAddresses {
  return { source: request.ip, peer: request.raw.socket.remoteAddress }
}
