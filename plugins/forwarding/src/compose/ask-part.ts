import { recordSecurityEvent } from '@sallyport/security-context'
import { parseJson, readBody, withDeadline } from '@sallyport/security-context/mechanics'
import type { FastifyRequest } from 'fastify'
import { type AnswerHeaders, refusalOfAnswer } from '../answer-rules.ts'
import { ForwardTimeoutError } from '../errors.ts'
import { findCredential } from '../credential.ts'
import { outgoingFields, type OutgoingHead } from '../outgoing-fields.ts'
import { forwardFailure } from '../upstream-failure.ts'
import { partPath, type TablePart } from './composed-parts.ts'

const MOST_PART_BYTES = 1024 * 1024

/** Why a part is not in the answer, for clients. */
export type MissingReason = 'timeout' | 'unavailable' | 'refused' | 'unreadable'

/** What became of a part. */
export type PartOutcome =
  | { readonly kind: 'present'; readonly value: unknown }
  /** The service has nothing under this path. */
  | { readonly kind: 'absent'; readonly refusal: PartRefusal }
  | { readonly kind: 'missing'; readonly reason: MissingReason; readonly refusal: PartRefusal | null }

/** A refusal, as the service says it or as the exchange of the token ended. */
export type PartRefusal =
  { readonly status: number; readonly contentType: string; readonly body: Buffer } | { readonly error: unknown }

/** What all parts of an answer share. */
export interface PartCircumstances extends Pick<OutgoingHead, 'tracingHeaders' | 'edgeAddress'> {
  readonly request: FastifyRequest
  /** Segments of the path that was received. */
  readonly received: readonly string[]
  /** When the whole answer has to be there, on the clock of `performance.now()`. */
  readonly deadlineAtMs: number
  /** Ends the calls: with the client, and by the deadline. */
  readonly signal: AbortSignal
}

/** Asks for one part, within what is left of the time. Never rejects. */
export async function askPart(part: TablePart, circumstances: PartCircumstances): Promise<PartOutcome> {
  const { request } = circumstances
  const { audience } = part.route
  try {
    return await answerOfPart(part, circumstances)
  } catch (error) {
    if (isExchangeRefusal(error)) return { kind: 'missing', reason: 'refused', refusal: { error } }
    const failure = forwardFailure(error, audience)
    if (failure.event !== null) recordSecurityEvent(request, failure.event)
    const isLate = failure.error.statusCode === 504
    return { kind: 'missing', reason: isLate ? 'timeout' : 'unavailable', refusal: null }
  }
}

/** The exchange refuses the caller, whose session may have ended. */
function isExchangeRefusal(error: unknown): boolean {
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  return status === 401 || status === 403
}

/** What an upstream allows less time for than is left counts as that. */
async function answerOfPart(part: TablePart, circumstances: PartCircumstances): Promise<PartOutcome> {
  const remainingMs = Math.min(circumstances.deadlineAtMs - performance.now(), part.route.limits.headMs)
  const late = new AbortController()
  const timer = setTimeout(() => {
    late.abort(new ForwardTimeoutError())
  }, remainingMs)
  const signal = AbortSignal.any([circumstances.signal, late.signal])
  try {
    return await withDeadline(sendForPart(part, circumstances, remainingMs, signal), Math.max(1, remainingMs))
  } finally {
    clearTimeout(timer)
  }
}

async function sendForPart(
  part: TablePart,
  circumstances: PartCircumstances,
  remainingMs: number,
  signal: AbortSignal
): Promise<PartOutcome> {
  const { request, received } = circumstances
  const { route } = part
  const deadlineAtMs = performance.now() + remainingMs
  const token = await findCredential(request, route)
  const sentAs = { method: 'GET', path: partPath(part, received) }
  const { statusCode, headers, body } = await route.upstream.request({
    origin: route.origin,
    path: sentAs.path,
    method: 'GET',
    headers: outgoingFields(request, { ...circumstances, route }, { token, deadlineAtMs, sentAs }),
    signal,
    headersTimeout: 0,
    bodyTimeout: 0
  })
  const content = await readBody(body, MOST_PART_BYTES, signal)
  return outcomeOfAnswer(part, request, { statusCode, headers, content })
}

interface WholeAnswer {
  readonly statusCode: number
  readonly headers: AnswerHeaders
  readonly content: Buffer
}

function outcomeOfAnswer(
  { route }: TablePart,
  request: FastifyRequest,
  { statusCode, headers, content }: WholeAnswer
): PartOutcome {
  const unusable = refusalOfAnswer(request, route, statusCode, headers)
  if (unusable !== null || statusCode >= 500 || statusCode === 408 || statusCode === 429) {
    return { kind: 'missing', reason: 'unavailable', refusal: null }
  }
  if (statusCode === 204) return { kind: 'present', value: null }
  if (statusCode < 400) return statusCode < 300 ? outcomeOfContent(content) : UNREADABLE
  const refusal = { status: statusCode, contentType: String(headers['content-type'] ?? ''), body: content }
  if (statusCode === 404) return { kind: 'absent', refusal }
  return { kind: 'missing', reason: 'refused', refusal }
}

const UNREADABLE: PartOutcome = Object.freeze({ kind: 'missing', reason: 'unreadable', refusal: null })

function outcomeOfContent(content: Buffer): PartOutcome {
  try {
    return { kind: 'present', value: parseJson(content) }
  } catch {
    return UNREADABLE
  }
}
