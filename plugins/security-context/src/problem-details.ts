import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { InvalidRequestError, NotFoundError } from './errors.ts'
import { logRefusal } from './log-refusal.ts'
import { storageOutage } from './storage-outage.ts'
import { validationProblems, type ValidationProblem } from './validation-problems.ts'

/** The body of every refusal that no other standard shapes. @see RFC 9457 §3.1 */
export interface ProblemDetails {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  /** Stable: clients branch on it. Left out where the error has none. */
  readonly code?: string
  /** The id of the request, as in `X-Request-Id`: what a caller quotes. */
  readonly requestId?: string
  /** Where a person logs in: a path of this origin, with a 401 of an app that has a login. */
  readonly login?: string
  /** The fields of a request that do not match the route's schema. */
  readonly errors?: readonly ValidationProblem[]
}

const UNKNOWN = 'Internal Server Error'

/** An error may carry response headers: `WWW-Authenticate` on a 401, `Retry-After` on a 503. */
interface ErrorWithHeaders extends FastifyError {
  readonly headers?: Readonly<Record<string, string>>
  /** The member of the body. */
  readonly login?: string
}

/**
 * Fastify's own client errors (too large, wrong media type, bad JSON) keep their status and code; their text is safe.
 */
const isClientError = (status: number): boolean => status >= 400 && status < 500

/**
 * Answers errors and unknown routes with Problem Details: a safe title and the stable code go to the caller, what was
 * refused or failed goes to the log in one line ({@link logRefusal}). A database without an answer is a 503, see
 * {@link storageOutage}.
 * @see RFC 9457
 */
export const problemDetails = fastifyPlugin(
  function problemDetails(fastify: FastifyInstance, _options: object, done: () => void) {
    fastify.setErrorHandler(function answerProblem(
      error: ErrorWithHeaders,
      request: FastifyRequest,
      reply: FastifyReply
    ) {
      const { validation, validationContext } = error
      const shown: ErrorWithHeaders =
        validation === undefined ? (storageOutage(error) ?? error) : new InvalidRequestError()
      const status = answeredStatus(shown)
      logRefusal(request, error, status)
      if (shown.headers !== undefined) void reply.headers(shown.headers)
      const code = clientCode(shown, status)
      return sendProblem(reply, {
        status,
        title: isClientError(status) || isOurs(shown) ? shown.message : (STATUS_CODES[status] ?? UNKNOWN),
        ...(code !== undefined && { code }),
        requestId: request.id,
        ...(shown.login !== undefined && { login: shown.login }),
        ...(validation !== undefined && { errors: validationProblems(validation, validationContext) })
      })
    })
    fastify.setNotFoundHandler(function answerNotFound(request, reply) {
      const error = new NotFoundError()
      return sendProblem(reply, { status: 404, title: error.message, code: error.code, requestId: request.id })
    })
    done()
  },
  { name: '@sallyport/problem-details', fastify: '5.x' }
)

function sendProblem(reply: FastifyReply, { status, title, ...more }: Omit<ProblemDetails, 'type'>): FastifyReply {
  const body: ProblemDetails = { type: 'about:blank', title, status, ...more }
  return reply.code(status).type('application/problem+json').send(body)
}

function answeredStatus(error: FastifyError): number {
  const status = error.statusCode
  return status !== undefined && status >= 400 && status < 600 ? status : 500
}

function isOurs(error: FastifyError): boolean {
  return typeof error.code === 'string' && error.code.startsWith('SALLYPORT_')
}

/** An app's own error without a code gets none of ours: its status and its title say what it is. */
function clientCode(error: FastifyError, status: number): string | undefined {
  if (isOurs(error)) return error.code
  if (status === 500) return 'SALLYPORT_CONTEXT_INTERNAL'
  return isClientError(status) && typeof error.code === 'string' ? error.code : undefined
}
