import type { FastifyRequest } from 'fastify'

/** What is known of one request's audit; a slot of the request, which the plugin fills. */
export interface RequestState {
  readonly written: RowOfRequest[]
  errorCode: string | null
  settled: boolean
  /** What a reader of the trail asked for. */
  asked: Readonly<Record<string, unknown>> | null
}

/** A row that the handler wrote. */
export interface RowOfRequest {
  readonly id: string
  readonly outcome: 'success' | 'denied' | 'failure'
  readonly inTransaction: boolean
}

/** The state of a request's audit, made when it is first asked for. */
export function requestAuditState(request: FastifyRequest): RequestState {
  request.auditState ??= { written: [], errorCode: null, settled: false, asked: null }
  return request.auditState
}
