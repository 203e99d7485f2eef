import type { MetricSnapshot } from './merge-metrics.ts'

/** What an operator asks one worker, as the listener of the supervisor got it. */
export interface OperatorQuestion {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

/** The answer to it. */
export interface OperatorAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What a supervisor tells a worker. `end` and `retire` drain it; a retired one takes no new connections meanwhile. */
export type ToWorker =
  | { readonly type: 'end' | 'retire' }
  | { readonly type: 'question'; readonly id: number; readonly question: OperatorQuestion }
  | { readonly type: 'read-metrics'; readonly id: number }
  | { readonly type: 'remembered'; readonly id: number; readonly isNew: boolean }

/** What a worker tells its supervisor, beside that it is ready or has failed. */
export type ToSupervisor =
  | { readonly type: 'ready'; readonly url: string }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'answer'; readonly id: number; readonly answer: OperatorAnswer | null }
  | { readonly type: 'metrics'; readonly id: number; readonly metrics: readonly MetricSnapshot[] }
  /** What it has counted until its end. */
  | { readonly type: 'goodbye'; readonly metrics: readonly MetricSnapshot[] }
  | { readonly type: 'remember'; readonly id: number; readonly key: string; readonly expiresAtMs: number }

/** Whether a message has a type: both ends run the same code, so that the type says the rest. */
export function isTyped(message: unknown): message is { readonly type: string } {
  return typeof message === 'object' && message !== null && 'type' in message && typeof message.type === 'string'
}
