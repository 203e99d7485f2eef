import { scheduleByTimer, type Clock, type MonotonicClock, type Schedule } from '@sallyport/security-context/mechanics'
import {
  CLOCK_OPTION,
  customOption,
  functionOption,
  listOf,
  objectWith,
  oneOrOff,
  optionsObject,
  readOptions,
  Type,
  type ReadOptions
} from '@sallyport/security-context/options'
import type { FastifyRequest } from 'fastify'
import type { Knex } from 'knex'
import { AuditOptionsError } from './errors.ts'
import type { RecordedVersions, RecordRules } from './build-record.ts'
import { fieldClasses } from './privacy/field-class.ts'
import { createJoinHash } from './privacy/join-hash.ts'
import { auditRoute, type AuditRoute } from './audit-route-options.ts'
import { trailPrivacy, type TrailPrivacy } from './privacy/privacy-options.ts'
import { trailCheckpoints, type TrailCheckpoints } from './checkpoint/checkpoint-options.ts'
import { outageMistakes, outageModes, type OutageModes } from './outage/outage-options.ts'
import { trailPruning, type TrailPruning } from './pruning/pruning-options.ts'
import { trailPush, type TrailPush } from './push/push-options.ts'
import { ownAddresses, type RequestAddresses } from './request-addresses.ts'
import { storeMistakes } from './store-mistakes.ts'
import type { AuditStore } from './store.ts'
import { auditStoreFor } from './store-of-options.ts'

/** Rhythm of the sealer. */
export interface SealerIntervals {
  /**
   * How often committed rows are sealed, in ms.
   * @default 1000
   */
  readonly intervalMs?: number
  /**
   * After how many intervals without success `auditHealth.check` rejects.
   * @default 10
   */
  readonly stalledAfterIntervals?: number
}

/** How the refusals of strangers are counted. */
export interface RefusalCounting {
  /**
   * How often the counts are written, in ms.
   * @default 60_000
   */
  readonly intervalMs?: number
  /**
   * How many kinds (source, route, reason, account tried) are distinguished at a time; the rest is one count.
   * @default 500
   */
  readonly maxKeys?: number
}

/** Options of the audit log plugin. */
export interface AuditLogOptions {
  /**
   * Pool of the app role, on the database of the business tables. The plugin does not destroy it. Exactly one of this
   * and `store`.
   */
  readonly db?: Knex
  /**
   * Keeps the rows in place of `db`, for tests without a database: `createAuditRows` of `@sallyport/testing` is one.
   * Nothing is sealed then, and there is no `route`.
   */
  readonly store?: AuditStore
  /**
   * Name of this service in every row.
   * @example 'order-service'
   */
  readonly process: string
  /**
   * How committed rows are sealed; `false` when another process of this database seals.
   * @default {}
   */
  readonly sealer?: SealerIntervals | false
  /**
   * Serves the trail under a path to those whom the policy allows; `false`: no route.
   * @default false
   * @example { path: '/audit', access: role('ADMIN') }
   */
  readonly route?: AuditRoute | false
  /**
   * What happens to a 2xx or 3xx of a mutating route that declares an audit action and writes no row: `record` writes
   * one, logs an error and adds a security event; `refuse` answers 500, for tests.
   * @default 'record'
   */
  readonly unfulfilled?: 'record' | 'refuse'
  /**
   * Whether the trail says when the app listens and when it closes: `process.start`, `process.stop`. A start without a
   * stop before the next start is a process that was killed.
   * @default false
   */
  readonly lifecycle?: boolean
  /**
   * More member names whose values are redacted in `detail`, case-insensitive.
   * @default []
   * @example ['iban']
   */
  readonly redact?: readonly string[]
  /**
   * How long a response waits for its row before it becomes a 503, and how long each insert, each step of the sealer
   * and each reading of the trail may take, in ms.
   * @default 5000
   */
  readonly writeTimeoutMs?: number
  /**
   * How many rows may wait for the insert under way; further ones are refused with 503.
   * @default 2000
   */
  readonly maxWaitingRows?: number
  /**
   * What an outage of the database does to rows that are in no transaction, for each class of them.
   * @default {}
   * @example { refusals: 'spill', reads: 'drop', folder: '/var/lib/orders/audit', keys }
   */
  readonly outage?: OutageModes
  /**
   * Signs the trail, keeps the signatures elsewhere and verifies it all the time, in the process that seals; `false`:
   * it does not.
   * @default false
   */
  readonly checkpoints?: TrailCheckpoints | false
  /**
   * Pushes sealed rows to a receiver outside, such as a SIEM, in the process that has the trail; `false`: it does not.
   * @default false
   * @example { receiver: syslogReceiver('syslog+tls://siem.example.com:6514') }
   */
  readonly push?: TrailPush | false
  /**
   * Removes old rows by schedule, with the rights of the pruner role; `false`: another job does, or nobody.
   * @default false
   * @example { databaseUrl, keepDays: 365, classes: [{ actions: ['session.*'], keepDays: 730 }] }
   */
  readonly pruning?: TrailPruning | false
  /**
   * How refusals are counted before a principal is known.
   * @default {}
   */
  readonly refusals?: RefusalCounting
  /**
   * What becomes of personal values: names, addresses, user agents, and members of `detail` that are declared personal
   * are sealed under a key of the subject, or of the day where there is none.
   * @default {}
   * @example { keys, joinKeys, fields: { iban: 'personal' } }
   */
  readonly privacy?: TrailPrivacy
  /**
   * The issuer whose subjects are the app's own. With it a person of a row is a subject at an issuer, and rows without
   * an issuer are of this one; an app that takes tokens of several issuers needs it. Left out: everybody is of one
   * issuer, and a subject alone is a person.
   * @example 'https://auth.example.com'
   */
  readonly ownIssuer?: string
  /**
   * Where a request came from. Its default is `request.ip`, which follows `trustProxy`, and the TCP peer.
   * @default ownAddresses
   */
  readonly addresses?: (request: FastifyRequest) => RequestAddresses
  /**
   * Which policies and which configuration are in force, for each row; `null`: outside a request. Left out: rows do not
   * say it.
   * @default noVersions
   */
  readonly versions?: (request: FastifyRequest | null) => RecordedVersions
  /**
   * The time in ms since 1970.
   * @default Date.now
   */
  readonly clock?: Clock
  /**
   * Milliseconds of a clock that is never set, for `auditHealth`.
   * @default performance.now
   */
  readonly monotonicClock?: MonotonicClock
  /**
   * When rows are sealed and counts written; a test triggers it itself.
   * @default scheduleByTimer
   */
  readonly schedule?: Schedule
}

const fromOne = (value: number) => Type.Integer({ minimum: 1, default: value })

export const sealerIntervals = optionsObject({ intervalMs: fromOne(1000), stalledAfterIntervals: fromOne(10) })

export const refusalCounting = optionsObject({ intervalMs: fromOne(60_000), maxKeys: fromOne(500) }, { default: {} })

export const auditLogOptions = optionsObject({
  db: Type.Optional(customOption<Knex>('a knex pool', isPool)),
  store: Type.Optional(objectWith<AuditStore>('an audit store', ['insert', 'insertWithin', 'committed'])),
  process: Type.String({ minLength: 1 }),
  sealer: oneOrOff(sealerIntervals, { default: {} }),
  route: oneOrOff(auditRoute, { default: false }),
  unfulfilled: Type.Enum(['record', 'refuse'], { default: 'record' }),
  lifecycle: Type.Boolean({ default: false }),
  redact: listOf(Type.String(), { default: [] }),
  writeTimeoutMs: fromOne(5000),
  maxWaitingRows: fromOne(2000),
  outage: outageModes,
  checkpoints: oneOrOff(trailCheckpoints, { default: false }),
  push: oneOrOff(trailPush, { default: false }),
  pruning: oneOrOff(trailPruning, { default: false }),
  refusals: refusalCounting,
  privacy: trailPrivacy,
  ownIssuer: Type.Optional(Type.String({ minLength: 1 })),
  addresses: functionOption<NonNullable<AuditLogOptions['addresses']>>({
    default: ownAddresses,
    defaultText: 'ownAddresses'
  }),
  versions: functionOption<NonNullable<AuditLogOptions['versions']>>({
    default: noVersions,
    defaultText: 'noVersions'
  }),
  clock: CLOCK_OPTION,
  monotonicClock: functionOption<MonotonicClock>({
    default: () => performance.now(),
    defaultText: 'performance.now'
  }),
  schedule: functionOption<Schedule>({ default: scheduleByTimer, defaultText: 'scheduleByTimer' })
})

/** Options with every default filled in, and what is derived from them. */
export interface ReadAuditLogOptions extends Omit<ReadOptions<typeof auditLogOptions>, 'store'>, RecordRules {
  readonly store: AuditStore
}

/** @throws {AuditOptionsError} `SALLYPORT_AUDIT_OPTIONS_INVALID`, naming every mistake */
export function readAuditLogOptions(given: AuditLogOptions): ReadAuditLogOptions {
  const options = readOptions(
    {
      schema: auditLogOptions,
      error: AuditOptionsError,
      rules: [
        { of: [], mistakes: storeMistakes },
        { of: ['outage'], mistakes: outageMistakes }
      ]
    },
    given
  )
  const { privacy, redact } = options
  const rules = { classify: fieldClasses(privacy.fields, redact), joinHash: createJoinHash(privacy.joinKeys) }
  return Object.freeze({ ...options, ...rules, store: auditStoreFor(options, rules) })
}

function isPool(value: unknown): boolean {
  return typeof value === 'function' && !('isTransaction' in value && value.isTransaction === true)
}

function noVersions(): RecordedVersions {
  return {}
}
