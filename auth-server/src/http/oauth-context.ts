import {
  recordSecurityEvent,
  isStorageOutage,
  logRefusal,
  STORAGE_RETRY_AFTER_SECONDS
} from '@sallyport/security-context'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { invalidRequest, OAuthError } from '../oauth-error.ts'
import { parseStrictForm, type Form } from '../parse-form.ts'

/** Longest form, in bytes. */
const LONGEST_FORM_BYTES = 64 * 1024
const OVERLOAD_RETRY_SECONDS = 1
const NO_FORM: Form = new Map()

/** Route generics of an endpoint that takes a form. */
export interface FormRoute {
  Body: Form | undefined
}

/** The form of a request; without a body, an empty one. */
export const formOf = (request: FastifyRequest<FormRoute>): Form => request.body ?? NO_FORM

/**
 * What the OAuth endpoints share: forms only, nothing cached, no parameters in the URL, and errors in the shape of
 * RFC 6749 §5.2. Call it on an instance of their own.
 */
export function prepareOAuthContext(fastify: FastifyInstance): void {
  takeFormsOnly(fastify)
  fastify.addHook('onRequest', function keepTokensOutOfCachesAndUrls(request, reply, next) {
    void reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
    next(
      request.url.includes('?')
        ? invalidRequest('parameter-in-url', 'Parameters are taken from the body only')
        : undefined
    )
  })
  fastify.setErrorHandler(answerOAuthError)
}

/** Makes forms the only bodies that are read, strictly parsed. */
export function takeFormsOnly(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'buffer', bodyLimit: LONGEST_FORM_BYTES },
    function parseFormBody(_request, body: Buffer, done) {
      try {
        done(null, parseStrictForm(body))
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)))
      }
    }
  )
}

function answerOAuthError(
  thrown: FastifyError | OAuthError,
  request: FastifyRequest,
  reply: FastifyReply
): FastifyReply {
  const error = thrown instanceof OAuthError ? thrown : asOAuthError(thrown)
  const outcome = error.statusCode >= 500 ? 'failure' : 'denied'
  const stage = request.routeOptions.url?.endsWith('/revoke') === true ? 'revocation' : 'grant'
  recordSecurityEvent(request, { stage, outcome, reason: error.reason, ...error.parties })
  logRefusal(request, thrown, error.statusCode, error.reason)
  if (error.error === 'invalid_client') {
    void reply.header('www-authenticate', 'Basic realm="sallyport", charset="UTF-8"')
  }
  if (error.retryAfterSeconds !== null) void reply.header('retry-after', String(error.retryAfterSeconds))
  return reply.code(error.statusCode).send({ error: error.error, error_description: error.message })
}

/** Fastify's own refusals of a request are the client's mistake; no answer from the database can be tried again. */
function asOAuthError(thrown: FastifyError): OAuthError {
  if (thrown.statusCode !== undefined && thrown.statusCode < 500) {
    return invalidRequest('request-malformed', 'The request is not valid')
  }
  if (isStorageOutage(thrown)) {
    const retry = { retryAfterSeconds: STORAGE_RETRY_AFTER_SECONDS, cause: thrown }
    return new OAuthError('temporarily_unavailable', 'storage-unavailable', 'Try again later', retry)
  }
  if (thrown.statusCode === 503) {
    return new OAuthError('temporarily_unavailable', 'overloaded', 'Try again later', {
      retryAfterSeconds: OVERLOAD_RETRY_SECONDS,
      cause: thrown
    })
  }
  return new OAuthError('server_error', 'internal', 'Internal Server Error', { cause: thrown })
}
