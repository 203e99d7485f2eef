import { logRefusal } from '@sallyport/security-context'
import { errorStatus } from '@sallyport/security-context/mechanics'
import { requestLanguage, sendPage } from '@sallyport/security-context/pages'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { createGatewayCalls } from './call-gateway.ts'
import { landingRoutes } from './landing-routes.ts'
import { customerRoutes } from './customer-routes.ts'
import { webClientErrorPage } from './web-client-pages.ts'
import type { WebClientParts } from './parts.ts'
import type { WebClientTexts } from './texts.ts'

/** What the web client is told of its gateway. */
export type WebClientOptions = Pick<WebClientParts, 'issuerOrigin' | 'hasIssuerLogin'>

/**
 * Pages of a food-delivery client under `/app`, for people: log in either way, order, follow an order, see and end
 * sessions, log out. They need no script, hold no secret and store nothing; whatever they show or do is a request to a
 * public route of this gateway (ADR 68).
 */
export async function webClient(fastify: FastifyInstance, options: WebClientOptions): Promise<void> {
  const parts: WebClientParts = { ...options, call: createGatewayCalls(fastify) }
  takeForms(fastify)
  fastify.setErrorHandler(answerWebClientError)
  landingRoutes(fastify, parts)
  customerRoutes(fastify, parts)
}

function takeForms(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    async function parsePageForm(_request: FastifyRequest, body: string) {
      return new URLSearchParams(body)
    }
  )
}

function answerWebClientError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status = errorStatus(error) ?? 500
  logRefusal(request, error, status)
  return sendPage(reply, status, webClientErrorPage(requestLanguage(request), problemOfStatus(status), request.id))
}

function problemOfStatus(status: number): keyof WebClientTexts {
  if (status === 401) return 'loggedOut'
  if (status === 404) return 'notFound'
  if (status === 409) return 'conflict'
  return status >= 500 || status === 429 ? 'unavailable' : 'failed'
}
