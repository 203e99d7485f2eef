import { type Duplex, Readable } from 'node:stream'
import type { AuditSink, SendHook } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AnswerHeaders } from '../answer-rules.ts'
import { ClientLeftError } from '../errors.ts'
import type { OpenAnswers } from '../open-answers.ts'
import type { OpenStreams } from '../open-streams.ts'
import type { TableRoute } from '../table-route.ts'
import type { Deadlines } from './deadlines.ts'

/** A request that asks its service for another protocol. */
export interface SwitchedExchange {
  /** What the service is asked for, names and values in turn. */
  readonly fields: () => readonly string[]
  /** The service has switched. Answers the request, whatever happens. */
  readonly take: (answer: AnswerHeaders, socket: Duplex) => void
}

/** A request and what its exchange with the service needs. */
export interface ExchangeParts {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: TableRoute
  /** Run before the head leaves. */
  readonly hooks: readonly SendHook[]
  readonly openAnswers: OpenAnswers | null
  readonly openStreams: OpenStreams
  readonly auditSink: AuditSink | null
  readonly deadlines: Deadlines
  /** For a request that asks for another protocol; `null` for any other. */
  readonly protocolSwitch: SwitchedExchange | null
}

/**
 * How far an exchange is.
 *
 * - `calling`: the head of the answer is not here.
 * - `preparing`: it is, and the hooks of the head are at work.
 * - `held`: the head may leave. Until the first byte of the body it does not, so that a body that never comes is an
 *   error with a name; the heads of streams never wait.
 * - `open`: the head has left.
 * - `dumping`: something else was answered, and the rest of this answer is read and dropped.
 */
export type ExchangePhase = 'calling' | 'preparing' | 'held' | 'open' | 'dumping' | 'over'

/** How much of an answer that is not passed on is read, so that its connection can serve the next request. */
export const DUMPED_BYTES = 128 * 1024

/** Fastify ends a request on `finish` or `error` only: without this it would be neither logged nor counted. */
export function endWithError(raw: FastifyReply['raw'], error: Error): void {
  if (raw.listenerCount('error') > 0) raw.emit('error', error)
}

/** Ends an answer whose client has left, for its line in the log and its metrics. @returns why it ended */
export function endWithoutClient(raw: FastifyReply['raw']): Error {
  const left = new ClientLeftError()
  if (!raw.headersSent) raw.statusCode = left.statusCode ?? raw.statusCode
  endWithError(raw, left)
  return left
}

/** undici leaves the stream of a body to its caller. */
export function endBody({ body }: FastifyRequest, reason: Error): void {
  if (body instanceof Readable && !body.destroyed) body.on('error', () => {}).destroy(reason)
}

/** What was thrown, as an error; everything else is a defect that keeps its cause. */
export function thrownError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('The request could not be forwarded', { cause: thrown })
}
