import {
  recordSecurityEvent,
  isStorageOutage,
  logRefusal,
  STORAGE_RETRY_AFTER_SECONDS
} from '@sallyport/security-context'
import { pageHeaders, requestLanguage, sendPage } from '@sallyport/security-context/pages'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { invalidRequest, OAuthError } from '../oauth-error.ts'
import { parseStrictForm, type Form } from '../parse-form.ts'
import type { AuthorizationServer } from '../protocol/authorization-server.ts'
import { AuthorizationError } from '../protocol/authorize/authorization-error.ts'
import { responseUri } from '../protocol/authorize/authorization-response.ts'
import { newSecret } from '../tokens/secret-token.ts'
import { BROWSER_COOKIE, COOKIE_ATTRIBUTES } from './cookies.ts'
import { formOf, takeFormsOnly, type FormRoute } from './oauth-context.ts'
import type { CsrfTokens } from './pages/csrf.ts'
import { errorPage } from './pages/pages.ts'

/** The parts of the authorization server that its pages work with. */
export interface PageParts extends AuthorizationServer {
  readonly csrf: CsrfTokens
}

/**
 * What the pages share: forms only, strict headers on whatever is answered, and refusals as pages, or as redirects once
 * it is known where to. Call it on an instance of their own, after `@fastify/cookie`.
 */
export function preparePageContext(fastify: FastifyInstance, issuer: string): void {
  takeFormsOnly(fastify)
  fastify.addHook('onRequest', async function keepPagesToThemselves(_request, reply) {
    void reply.headers(pageHeaders(null))
  })
  fastify.setErrorHandler(function answerPageError(
    thrown: FastifyError | OAuthError | AuthorizationError,
    request,
    reply
  ) {
    if (thrown instanceof AuthorizationError) {
      recordSecurityEvent(request, { stage: 'grant', outcome: 'denied', reason: thrown.reason, ...thrown.parties })
      return sendToClient(
        reply,
        responseUri(issuer, thrown.target, { error: thrown.error, error_description: thrown.message })
      )
    }
    return answerWithPage(thrown, request, reply)
  })
}

function answerWithPage(thrown: FastifyError | OAuthError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const isOutage = isStorageOutage(thrown)
  const status = isOutage ? 503 : (thrown.statusCode ?? 500)
  const reason =
    thrown instanceof OAuthError
      ? thrown.reason
      : status === 503
        ? 'storage-unavailable'
        : status < 500
          ? 'request-malformed'
          : 'internal'
  const outcome = status < 500 ? 'denied' : 'failure'
  const parties = thrown instanceof OAuthError ? thrown.parties : {}
  recordSecurityEvent(request, { stage: 'grant', outcome, reason, ...parties })
  logRefusal(request, thrown, status, reason)
  if (status === 503) void reply.header('retry-after', STORAGE_RETRY_AFTER_SECONDS)
  const detail = thrown instanceof OAuthError ? thrown.message : null
  const facts = { detail, isOutage: status >= 500, requestId: request.id }
  return sendPage(reply, status, errorPage(facts, requestLanguage(request)))
}

/**
 * Hands an answer to the client, as a GET whatever the request was: a password is never sent on. @see RFC 9700 §4.12
 */
export function sendToClient(reply: FastifyReply, uri: string): FastifyReply {
  return reply.code(303).header('location', uri).removeHeader('content-type').send()
}

/** The parameters of a request: of the URL, or of the form. */
export function parametersOf(request: FastifyRequest): Form {
  if (request.method === 'POST') return formOf(request as FastifyRequest<FormRoute>)
  const query = request.url.indexOf('?')
  return parseStrictForm(Buffer.from(query === -1 ? '' : request.url.slice(query + 1)))
}

/** The token for a form of this browser, which gets a cookie to tie it to. */
export function csrfFor(tokens: CsrfTokens, request: FastifyRequest, reply: FastifyReply): string {
  const known = request.cookies[BROWSER_COOKIE]
  const secret = known ?? newSecret()
  if (known === undefined) void reply.setCookie(BROWSER_COOKIE, secret, COOKIE_ATTRIBUTES)
  return tokens.tokenOf(secret)
}

/**
 * Refuses a form that was not shown by us in this browser. The pages say `no-referrer`, so browsers send `Origin: null`
 * with their forms: it is the fetch metadata that tells, where a browser sends it, and the token in any case.
 * @throws {OAuthError} `invalid_request`
 * @see RFC 9700 §4.7
 */
export function refuseForeignForm(tokens: CsrfTokens, request: FastifyRequest, form: Form): void {
  const site = request.headers['sec-fetch-site']
  const secret = request.cookies[BROWSER_COOKIE]
  const isOurs = site === undefined || site === 'same-origin' || site === 'none'
  if (!isOurs || secret === undefined || !tokens.isRight(form.get('csrf') ?? '', secret)) {
    throw invalidRequest('csrf', 'This page is too old. Go back to the application and start again')
  }
}
