import '@sallyport/security-context/require-node'
import { countWait, offerMeasurements, recordSecurityEvent, type RequestDeadline } from '@sallyport/security-context'
import { errorCode } from '@sallyport/security-context/mechanics'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { callUpstream, type UpstreamAnswer, type UpstreamCall, type UpstreamTarget } from './call-upstream.ts'
import {
  CallerWithoutTokenError,
  SubjectTokenMissingError,
  TokenRejectedError,
  UnknownAudienceError
} from './errors.ts'
import { createExchangeCache, keyOfQuestion, type TokenQuestion } from './exchange-cache.ts'
import { readTokenExchangeOptions, type TokenExchangeOptions, type Upstream } from './options.ts'
import { exchangeKey, recallExchangeKey } from './known-caller-keys.ts'
import { exchangeMeasurements } from './measure-exchanges.ts'
import { exchangedEvent, exchangeFailureEvent } from './exchange-events.ts'

export { createTokenClient } from './token-client.ts'
export { clientSecretSubscriber, type ClientSecretCheck, type ClientSecretSettings } from './check-client-secret.ts'
export { createLoginClient } from './login-client.ts'
export { chooseClientMethod, type ClientProofMethod } from './choose-client-method.ts'
export type { RefreshPace } from './pace-refreshes.ts'
export type { ClientSigningKey } from './client-authentication.ts'
export {
  createClientTokenSource,
  type ClientTokenSource,
  type ClientTokenSourceOptions
} from './client-token-source.ts'
export type { AuthorizationServerMetadata } from '@sallyport/security-context/mechanics'
export { discoverMetadata } from './metadata.ts'
export { callUpstream, type UpstreamAnswer, type UpstreamCall, type UpstreamTarget } from './call-upstream.ts'
export type { DiscoveryOptions, TokenClientOptions, TokenExchangeOptions, Upstream } from './options.ts'
export * as errors from './errors.ts'

/** A service, called in somebody's name. */
export interface UpstreamCaller {
  /**
   * @throws the codes of `exchangeToken`, `SALLYPORT_TOKEN_AUDIENCE_UNKNOWN`, `SALLYPORT_TOKEN_PATH_INVALID`,
   * `SALLYPORT_TOKEN_UPSTREAM_FAILED`, `SALLYPORT_TOKEN_UPSTREAM_TIMEOUT`, and `SALLYPORT_CONTEXT_CALLER_LEFT` where
   * the app has `requestDeadlines`
   */
  request: (call: UpstreamCall) => Promise<UpstreamAnswer>
}

/** A token, and the key under which it is cached. */
interface ExchangedToken {
  readonly token: string
  readonly key: string
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Calls another service in the caller's name, with an exchanged token and never with the caller's own. */
    callAs: (audience: string) => UpstreamCaller
  }
  interface FastifyInstance {
    /**
     * Calls another service in this service's own name, for jobs without a caller.
     * @param scope what the job needs and no more; left out: the upstream's scope
     * @see RFC 6749 §4.4
     */
    callAsService: (audience: string, scope?: string) => UpstreamCaller
  }
}

/**
 * Adds `request.exchangeToken`, `request.knownExchangedToken`, `request.dropExchangedToken`, `request.callAs` and
 * `fastify.callAsService`.
 * @throws {TokenOptionsError} `SALLYPORT_TOKEN_OPTIONS_INVALID`, naming every mistake
 */
async function tokenExchange(fastify: FastifyInstance, given: TokenExchangeOptions): Promise<void> {
  const options = readTokenExchangeOptions(given)
  const { tokenClient, clock, maxCachedTokens: maxEntries } = options
  const cache = createExchangeCache({ tokenClient, maxEntries, clock })
  offerMeasurements(fastify, exchangeMeasurements(cache))

  /**
   * The caller's token may be refused though it looked good here; where it can be renewed, that and the exchange are
   * tried once more.
   */
  async function exchange(request: FastifyRequest, asked: TokenQuestion): Promise<ExchangedToken> {
    const { audience } = asked
    let key = exchangeKey(request, asked)
    try {
      const answer = await obtain(request, asked, key).catch(async (error: unknown) => {
        const subjectToken = isRejected(error) ? await renewedToken(request, asked.subjectToken) : null
        if (subjectToken === null) throw error
        const question = { ...asked, subjectToken }
        key = exchangeKey(request, question)
        return await obtain(request, question, key)
      })
      if (answer.fresh) recordSecurityEvent(request, exchangedEvent(audience))
      return { token: answer.token, key }
    } catch (error) {
      recordSecurityEvent(request, exchangeFailureEvent(error, audience))
      throw isRejected(error) ? challenged(error) : error
    }
  }

  /** What is cached costs no time that anybody would count. */
  async function obtain(request: FastifyRequest, asked: TokenQuestion, key: string) {
    if (cache.has(key)) return await cache.get(asked, key)
    const userAgent = request.headers['user-agent']
    const connection = { sourceAddress: request.ip, ...(userAgent !== undefined && { userAgent }) }
    return await countWait(request, 'token', async () => await cache.get({ ...asked, connection }, key))
  }

  function upstreamOf(audience: string): Upstream {
    const upstream = Object.hasOwn(options.upstreams, audience) ? options.upstreams[audience] : undefined
    if (upstream === undefined) throw new UnknownAudienceError({ cause: new Error(`upstreams has no ${audience}`) })
    return upstream
  }

  /** A call under a token of the cache; a token that its audience refuses is not used again. */
  async function callWith(
    upstream: Upstream,
    { key, token }: ExchangedToken,
    { headers, deadline }: Pick<UpstreamTarget, 'headers'> & { readonly deadline: RequestDeadline | null },
    call: UpstreamCall
  ): Promise<UpstreamAnswer> {
    const { dispatcher, upstreamTimeoutMs: limit } = options
    const limitMs = typeof limit === 'function' ? limit() : limit
    const timeoutMs = Math.min(limitMs, deadline?.remainingMs() ?? limitMs)
    const target = { origin: upstream.origin, token, headers, dispatcher, timeoutMs, signal: deadline?.signal }
    const answer = await callUpstream(target, call)
    if (answer.statusCode === 401) cache.drop(key)
    return answer
  }

  fastify.decorateRequest(
    'exchangeToken',
    async function exchangeToken(this: FastifyRequest, audience: string, scope?: string): Promise<string> {
      return (await exchange(this, { subjectToken: subjectTokenOf(this), audience, scope })).token
    }
  )
  fastify.decorateRequest(
    'knownExchangedToken',
    function knownExchangedToken(this: FastifyRequest, audience: string, scope?: string): string | null {
      const key = recallExchangeKey(this, audience, scope)
      return key === null ? null : cache.recall(key)
    }
  )
  fastify.decorateRequest(
    'dropExchangedToken',
    function dropExchangedToken(this: FastifyRequest, audience: string, scope?: string): void {
      cache.drop(exchangeKey(this, { subjectToken: subjectTokenOf(this), audience, scope }))
    }
  )
  fastify.decorateRequest('callAs', function callAs(this: FastifyRequest, audience: string): UpstreamCaller {
    return {
      request: async call => {
        const upstream = upstreamOf(audience)
        const asked = { subjectToken: subjectTokenOf(this), audience, scope: upstream.scope }
        const exchanged = await exchange(this, asked)
        const headers = { 'x-request-id': this.id, ...options.outgoingHeaders(this) }
        // The slot is absent in an app that keeps no deadlines.
        const { deadline = null }: Partial<Pick<FastifyRequest, 'deadline'>> = this
        const outgoing = { headers, deadline }
        return await countWait(this, 'upstream', async () => await callWith(upstream, exchanged, outgoing, call))
      }
    }
  })
  fastify.decorate('callAsService', function callAsService(audience: string, scope?: string): UpstreamCaller {
    return {
      request: async call => {
        const upstream = upstreamOf(audience)
        const question = { subjectToken: null, audience, scope: scope ?? upstream.scope }
        const key = keyOfQuestion(question)
        const { token } = await cache.get(question, key)
        return callWith(upstream, { key, token }, { headers: {}, deadline: null }, call)
      }
    }
  })
}

function isRejected(error: unknown): boolean {
  return errorCode(error) === 'SALLYPORT_TOKEN_REJECTED'
}

function subjectTokenOf(request: FastifyRequest): string {
  const { accessToken } = request
  if (accessToken !== null) return accessToken
  // Without authentication's slot there is no caller either.
  if ('principal' in request && request.principal !== null) {
    throw new CallerWithoutTokenError({ cause: new Error('The strategy that accepted the caller has no access token') })
  }
  throw new SubjectTokenMissingError({ cause: new Error('The route is public: nobody was authenticated') })
}

/**
 * A new token of the caller in place of a refused one, `null` when there is none: renewed meanwhile, or by this call.
 */
async function renewedToken(request: FastifyRequest, refusedToken: string | null): Promise<string | null> {
  if (request.accessToken === refusedToken) await request.renewAccessToken?.()
  return request.accessToken === refusedToken ? null : request.accessToken
}

/**
 * The caller's token was accepted before and is refused now (its session ended): a client learns that from the
 * challenge. @see RFC 6750 §3
 */
function challenged(cause: unknown): Error {
  return Object.assign(new TokenRejectedError({ cause }), {
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' }
  })
}

export default fastifyPlugin(tokenExchange, {
  name: '@sallyport/token-exchange',
  fastify: '5.x',
  decorators: { request: ['accessToken'] }
})
