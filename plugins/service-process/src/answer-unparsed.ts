import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { bareAnswerFields } from '@sallyport/secure-transport'
import { errors, REQUEST_ID_HEADER, type ProblemDetails } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'

/** What the parser fails with that is not simply a request it cannot read. */
const UNPARSED_STATUSES: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431
}

/** The answer that is under way on a connection, where Node keeps it. */
interface AnsweringSocket extends Socket {
  readonly _httpMessage?: { readonly headersSent: boolean } | null
}

/**
 * Answers what Node's parser refuses before there is a request, for `clientErrorHandler`: Problem Details with an id
 * and security fields like any other answer, one line in the log with that id, and the end of the connection. Where an
 * answer has begun to leave, the connection only ends: a second one would be taken for a part of it.
 * @param tlsEndsInFront whether clients use TLS that a proxy ends
 */
export function answerUnparsed(
  tlsEndsInFront: boolean
): (this: FastifyInstance, error: Error & { readonly code?: string }, socket: Socket) => void {
  return function answerParserError(error, socket: AnsweringSocket) {
    // Nobody is there to be answered. @see https://nodejs.org/api/http.html#event-clienterror
    if (error.code === 'ECONNRESET' || socket.destroyed) return
    const status = UNPARSED_STATUSES[error.code ?? ''] ?? 400
    const requestId = randomUUID()
    this.log.info(
      { reqId: requestId, status, code: error.code ?? null, remoteAddress: socket.remoteAddress },
      'request refused by the parser'
    )
    const hasBegun = socket._httpMessage?.headersSent === true
    if (socket.writable && !hasBegun) {
      socket.write(unparsedAnswer(status, requestId, bareAnswerFields(tlsEndsInFront || 'encrypted' in socket)))
    }
    socket.destroy()
  }
}

function unparsedAnswer(status: number, requestId: string, fields: Readonly<Record<string, string>>): string {
  const label = STATUS_CODES[status] ?? 'Bad Request'
  const refusal = status === 400 ? new errors.InvalidRequestError() : null
  const problem: ProblemDetails = {
    type: 'about:blank',
    title: refusal?.message ?? label,
    status,
    ...(refusal !== null && { code: refusal.code }),
    requestId
  }
  const body = JSON.stringify(problem)
  return [
    `HTTP/1.1 ${status} ${label}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Date: ${new Date().toUTCString()}`,
    ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
    `${REQUEST_ID_HEADER}: ${requestId}`,
    'Connection: close',
    '',
    body
  ].join('\r\n')
}
