import { objectWith, optionsObject, Type } from '@sallyport/security-context/options'
import type { TrailReceiver } from './receiver.ts'

/** Pushes the trail to a receiver outside, such as a SIEM: sealed rows, in order, each at least once. */
export interface TrailPush {
  /** `otlpReceiver`, `syslogReceiver` or one of your own. */
  readonly receiver: TrailReceiver
  /**
   * How often it is looked for new rows, in ms.
   * @default 1000
   */
  readonly intervalMs?: number
  /**
   * Most rows of a batch.
   * @default 200
   */
  readonly batchRows?: number
  /**
   * How long the receiver may take for a batch, in ms.
   * @default 10_000
   */
  readonly timeoutMs?: number
  /**
   * Longest pause after failures, in ms: each is up to twice as long as the one before.
   * @default 60_000
   */
  readonly maxPauseMs?: number
  /**
   * How old the oldest row that was not pushed may become before the log says that the push falls behind, in ms.
   * @default 60_000
   */
  readonly behindAfterMs?: number
  /**
   * Whether a push that falls behind makes `auditHealth.check` reject.
   * @default false
   */
  readonly readiness?: boolean
}

const atLeastOne = (value: number, maximum: number) => Type.Integer({ minimum: 1, maximum, default: value })

export const trailPush = optionsObject({
  receiver: objectWith<TrailReceiver>('a receiver', ['send']),
  intervalMs: atLeastOne(1000, 3_600_000),
  batchRows: atLeastOne(200, 2000),
  timeoutMs: atLeastOne(10_000, 600_000),
  maxPauseMs: atLeastOne(60_000, 3_600_000),
  behindAfterMs: atLeastOne(60_000, 86_400_000),
  readiness: Type.Boolean({ default: false })
})
