import type { AuditSink, SendHook } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { OpenAnswers } from '../open-answers.ts'
import type { TableRoute } from '../table-route.ts'
import type { Deadlines } from './deadlines.ts'

/** A request and what its exchange with the service needs. */
export interface ExchangeParts {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: TableRoute
  /** Run before the head leaves. */
  readonly hooks: readonly SendHook[]
  readonly openAnswers: OpenAnswers | null
  readonly auditSink: AuditSink | null
  readonly deadlines: Deadlines
}

/** What was thrown, as an error; everything else is a defect that keeps its cause. */
export function thrownError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('The request could not be forwarded', { cause: thrown })
}
