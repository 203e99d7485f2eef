import type { FastifyReply } from 'fastify'
import type { Knex } from 'knex'
import { keepAnswer, type IdempotentAnswer } from './keep-answer.ts'
import { IdempotencyMisuseError, InProgressError, KeyReusedError, RecordsUnavailableError } from './errors.ts'
import type { RequestIdentity } from './identify-request.ts'
import type { IdempotencySettings } from './options.ts'
import { findRecord, insertAnswer, insertRecord, tryLock, type IdempotencyRecord } from './record-store.ts'

/** The key of one request, in the handler. Where the caller sent none and need not, both methods do nothing. */
export interface Idempotency {
  /** Whether the caller sent a key. */
  readonly isKeyed: boolean
  /**
   * The `reference` that an earlier request with this key and this body has claimed it with, when that request stored
   * no answer: look at what it refers to, and answer from that. `null`: this is the first request.
   */
  readonly earlier: string | null
  /**
   * Takes the key for this request, in the transaction of its effect. Claiming it again with the same reference changes
   * nothing.
   * @param reference what a repetition finds the effect by, where the answer is not known in this transaction
   * @throws `SALLYPORT_IDEMPOTENCY_IN_PROGRESS` (another request with the key is at it, or was a moment ago),
   * `SALLYPORT_IDEMPOTENCY_KEY_REUSED`, `SALLYPORT_IDEMPOTENCY_UNAVAILABLE`; then roll back
   */
  claim: (trx: Knex, reference?: string) => Promise<void>
  /**
   * Stores what is about to be answered, for repetitions: in the transaction of the effect, or in a later one that ends
   * it. An answer that is stored already stays.
   * @throws `SALLYPORT_IDEMPOTENCY_ANSWER_TOO_LARGE`, `SALLYPORT_IDEMPOTENCY_UNAVAILABLE`; then roll back
   */
  store: (trx: Knex, answer: IdempotentAnswer) => Promise<void>
}

/** What the plugin knows of a request with a key. */
export interface KeyedRequest extends Idempotency {
  /** Whether the handler has taken the key, or goes on with what an earlier request began. */
  readonly isClaimed: () => boolean
}

/** Of a request without key: there is nothing to claim. */
export const NO_KEY: KeyedRequest = Object.freeze({
  isKeyed: false,
  earlier: null,
  claim: async () => {},
  store: async () => {},
  isClaimed: () => true
})

/**
 * The record of a key, of an equal request.
 * @returns `null` when this is the first request with the key
 * @throws {KeyReusedError} `SALLYPORT_IDEMPOTENCY_KEY_REUSED`
 */
export function checkRecord(
  record: IdempotencyRecord | null,
  { fingerprint }: RequestIdentity
): IdempotencyRecord | null {
  if (record !== null && !record.fingerprint.equals(fingerprint)) throw new KeyReusedError()
  return record
}

/** Makes what a handler gets. */
export function keyedRequest(
  reply: FastifyReply,
  identity: RequestIdentity,
  earlier: string | null,
  options: IdempotencySettings
): KeyedRequest {
  const { timeoutMs, maxAnswerBytes } = options
  let claimed = false

  async function claim(trx: Knex, reference?: string): Promise<void> {
    if (trx.isTransaction !== true) throw idempotencyMisuse('claim needs the transaction of the effect')
    if (earlier !== null && earlier === reference) return
    await unavailableOnError(async () => {
      if (!(await tryLock(trx, identity, timeoutMs))) throw new InProgressError()
      const faster = checkRecord(await findRecord(trx, identity, timeoutMs), identity)
      if (faster !== null && faster.answer === null && faster.reference === reference) return
      const isFirst = faster === null && (await insertRecord(trx, identity, reference ?? null, options))
      if (!isFirst) throw new InProgressError()
    })
    claimed = true
  }

  async function store(trx: Knex, answer: IdempotentAnswer): Promise<void> {
    if (!claimed && earlier === null) throw idempotencyMisuse('store comes after claim')
    const kept = keepAnswer(reply, answer, maxAnswerBytes)
    await unavailableOnError(() => insertAnswer(trx, identity, kept, timeoutMs))
  }

  return { isKeyed: true, earlier, claim, store, isClaimed: () => claimed || earlier !== null }
}

/**
 * What storage cannot tell is 503. Deadlocks and serialization failures (class 40) stay as they are: the caller may
 * repeat the whole transaction on their code.
 */
export async function unavailableOnError<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
    if (code.startsWith('SALLYPORT_') || code.startsWith('40')) throw cause
    throw Object.assign(new RecordsUnavailableError(), { cause })
  }
}

/** A handler or a route that cannot work as it is. */
export function idempotencyMisuse(text: string): Error {
  return new IdempotencyMisuseError({ cause: new Error(text) })
}
