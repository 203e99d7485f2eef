import type { AuditSink, SendHook } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { HeaderRewrite } from '../answer-rules.ts'
import type { AnswerLimits } from '../bound-call.ts'
import type { ForwardRoute } from '../forward-route.ts'
import type { LingerLimits } from '../linger.ts'
import type { OpenAnswers } from '../open-answers.ts'
import type { Deadlines } from './deadlines.ts'

/** A request and what its exchange with the service needs. */
export interface ExchangeParts {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: ForwardRoute
  readonly limits: AnswerLimits
  /** Run before the head leaves. */
  readonly hooks: readonly SendHook[]
  readonly rewriteLocation: HeaderRewrite | undefined
  readonly openAnswers: OpenAnswers
  readonly auditSink: AuditSink
  readonly deadlines: Deadlines
  readonly linger: LingerLimits
}

/** What was thrown, as an error; everything else is a defect that keeps its cause. */
export function thrownError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('The request could not be forwarded', { cause: thrown })
}
