import type { FastifyReply, FastifyRequest } from 'fastify'

interface RefusalError extends Error {
  readonly code: string
  readonly statusCode?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** Headers that say nothing about the payload and that a browser or a log needs on every response. */
const KEPT_HEADERS = [
  'strict-transport-security',
  'x-content-type-options',
  'content-security-policy',
  'vary',
  'x-request-id',
  'access-control-allow-origin',
  'access-control-allow-credentials'
]

/**
 * Answers with the error in place of a response whose audit row could not be written. A failure in Fastify's own
 * `onSend` would run every other `onSend` hook again, and so send the cookies of the login that is refused here. So the
 * answer bypasses them, and only {@link KEPT_HEADERS} of the response remain.
 * @see RFC 9457 §3
 */
export function answerInstead(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  error: RefusalError
): void {
  request.log.error({ err: error }, 'response withheld: its audit row is missing')
  discard(payload)
  const status = error.statusCode ?? 500
  const body = JSON.stringify({
    type: 'about:blank',
    title: error.message,
    status,
    code: error.code,
    requestId: request.id
  })
  const sent = reply.getHeaders()
  const headers: Record<string, string | number | string[]> = {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...error.headers
  }
  for (const name of KEPT_HEADERS) if (sent[name] !== undefined) headers[name] = sent[name]
  reply.code(status)
  for (const name of reply.raw.getHeaderNames()) reply.raw.removeHeader(name)
  reply.raw.writeHead(status, headers)
  reply.raw.end(body)
}

/** A stream that is never read holds its file or its upstream connection. */
function discard(payload: unknown): void {
  if (typeof payload !== 'object' || payload === null) return
  if ('destroy' in payload && typeof payload.destroy === 'function') payload.destroy()
  else if ('cancel' in payload && typeof payload.cancel === 'function') {
    void Promise.resolve(payload.cancel()).catch(() => {})
  }
}
