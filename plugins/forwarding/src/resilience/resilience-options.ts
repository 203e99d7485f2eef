import { listOf, optionsObject, Type } from '@sallyport/security-context/options'
import { isOrigin, isPath, isScope } from '../document/text-forms.ts'
import { textOption, timerOption } from '../option-forms.ts'

/** One of several places where a service runs. */
export interface UpstreamTargetOptions {
  /** Scheme, host and port: `https`, or `http` on loopback. */
  readonly origin: string
  /**
   * Its share of the requests beside the weights of the others; 0 for none.
   * @default 1
   */
  readonly weight?: number
  /** In metrics and logs. Left out: its place among the targets, from 1. */
  readonly name?: string
}

/** When a target that fails is left out for a while; never the last one that is left. */
export interface EjectionOptions {
  /**
   * Failures in a row to connect, or to get an answer over a connection.
   * @default 3
   */
  readonly connectFailures?: number
  /** Answers of 5xx in a row. Left out: they do not count. */
  readonly serverErrors?: number
  /**
   * For how long, in ms; twice as long the second time in a row, and so on, up to ten times.
   * @default 10_000
   */
  readonly durationMs?: number
}

/** A question that each target is asked again and again, without a credential. An answer of 2xx is a good one. */
export interface HealthCheckOptions {
  /** The path that is asked for, with GET. */
  readonly path: string
  /** The port that is asked, where it is not that of the target. */
  readonly port?: number
  /**
   * Between two questions, in ms.
   * @default 5000
   */
  readonly intervalMs?: number
  /**
   * Until the answer, in ms.
   * @default 1000
   */
  readonly timeoutMs?: number
  /**
   * Good answers in a row until a target is taken in again.
   * @default 2
   */
  readonly healthyAfter?: number
  /**
   * Bad ones in a row until it is left out.
   * @default 2
   */
  readonly unhealthyAfter?: number
}

/** Requests that are sent again: idempotent methods, and those with an `Idempotency-Key`. @see RFC 9110 §9.2.2 */
export interface RetryOptions {
  /**
   * How often a request is sent at most, the first time included.
   * @default 2
   */
  readonly attempts?: number
  /**
   * Repetitions in percent of the requests: each request earns that share of one.
   * @default 20
   */
  readonly budgetPercent?: number
  /**
   * How many of them may be saved up.
   * @default 10
   */
  readonly burst?: number
  /**
   * The longest wait before the second sending, in ms; it doubles with each further one. The wait itself is random.
   * @default 25
   */
  readonly backoffMs?: number
  /**
   * How long a sending waits for its answer to begin, in ms, while the request may be sent once more; the last sending
   * has all the time that is left. Left out: the same.
   */
  readonly attemptTimeoutMs?: number
  /**
   * Answers after which a request is sent again, beside failures to get one.
   * @default [502, 503, 504]
   */
  readonly statuses?: readonly number[]
  /**
   * The longest body that is kept to be sent again, in bytes.
   * @default 16_384
   */
  readonly replayBodyBytes?: number
}

/** When nothing is sent to a target any more, for a while: no answer in time, 502, 503 and 504 are failures. */
export interface BreakerOptions {
  /**
   * How many of the last calls are looked at.
   * @default 20
   */
  readonly window?: number
  /**
   * With fewer calls than this nothing happens.
   * @default 10
   */
  readonly minimumCalls?: number
  /**
   * The share of failures from which on nothing is sent, in percent.
   * @default 50
   */
  readonly failurePercent?: number
  /**
   * For how long, in ms; then probes are sent.
   * @default 5000
   */
  readonly openMs?: number
  /**
   * Calls that have to succeed before all are sent again, and no more at a time until then.
   * @default 1
   */
  readonly probes?: number
}

/** How many requests an upstream may hold up, over all of its targets. */
export interface BulkheadOptions {
  /** Requests under way at a time. */
  readonly maxPending: number
  /**
   * Requests that wait until one of them has ended; one more is 503.
   * @default 0
   */
  readonly maxQueued?: number
  /**
   * How long a request waits before it is 503, in ms.
   * @default 1000
   */
  readonly queueTimeoutMs?: number
}

const whole = (fallback: number, minimum = 1, maximum?: number) =>
  Type.Integer({ minimum, default: fallback, ...(maximum === undefined ? {} : { maximum }) })

export const upstreamTargetOptions = optionsObject({
  origin: textOption('scheme, host and port, such as https://orders.example:8443', isOrigin),
  weight: Type.Integer({ minimum: 0, maximum: 1000, default: 1 }),
  name: Type.Optional(textOption('a name', isScope))
})

export const ejectionOptions = optionsObject({
  connectFailures: whole(3),
  serverErrors: Type.Optional(Type.Integer({ minimum: 1 })),
  durationMs: Type.Integer({ ...timerOption(), default: 10_000 })
})

export const healthCheckOptions = optionsObject({
  path: textOption('a path', isPath),
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
  intervalMs: Type.Integer({ ...timerOption(), default: 5000 }),
  timeoutMs: Type.Integer({ ...timerOption(), default: 1000 }),
  healthyAfter: whole(2),
  unhealthyAfter: whole(2)
})

export const retryOptions = optionsObject({
  attempts: whole(2, 2, 5),
  budgetPercent: whole(20, 1, 100),
  burst: whole(10),
  backoffMs: Type.Integer({ ...timerOption(), default: 25 }),
  attemptTimeoutMs: Type.Optional(timerOption()),
  statuses: listOf(Type.Integer({ minimum: 500, maximum: 599 }), { default: [502, 503, 504] }),
  replayBodyBytes: whole(16_384, 0)
})

export const breakerOptions = optionsObject({
  window: whole(20, 1, 1000),
  minimumCalls: whole(10),
  failurePercent: whole(50, 1, 100),
  openMs: Type.Integer({ ...timerOption(), default: 5000 }),
  probes: whole(1)
})

export const bulkheadOptions = optionsObject({
  maxPending: Type.Integer({ minimum: 1 }),
  maxQueued: whole(0, 0),
  queueTimeoutMs: Type.Integer({ ...timerOption(), default: 1000 })
})
