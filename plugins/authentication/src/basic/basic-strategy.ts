import type { FastifyError } from '@fastify/error'
import { defined, errorCode } from '@sallyport/security-context/mechanics'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { PresentedAuthorization } from '../authorization-header.ts'
import { BasicRejectedError, CsrfRefusedError } from '../errors.ts'
import { requestConnection, isBrowser, isForeign, isUnsafe, ownOrigins } from '../request-origin.ts'
import { NOT_APPLICABLE, type RenewToken, type Strategy, type StrategyResult } from '../strategy.ts'
import { isOutage } from '../failure-kinds.ts'
import type { TokenVerifier } from '../tokens/verify-token.ts'
import { createCredentialTokens } from '../credential-tokens.ts'
import type { ReadBasicOptions } from './options.ts'
import { createBasicParser, type BasicCredential } from './parse-basic.ts'

/**
 * Basic credentials at the edge, tokens behind it: the password goes to the authorization server once per session and
 * to no service ever.
 *
 * A browser that remembers a password sends it with requests of any site's page, like a cookie. So what changes
 * something is
 * refused when it comes from a foreign page, before the password is looked at; a client that is no browser says nothing
 * of
 * pages and is not.
 * @param fastify where close hooks go
 * @param verifier verifies the tokens that the server issues
 * @see RFC 7617
 */
export async function createBasicStrategy(
  fastify: FastifyInstance,
  options: ReadBasicOptions,
  verifier: TokenVerifier
): Promise<Omit<Strategy, 'name'>> {
  const challenge = `Basic realm="${options.realm}", charset="UTF-8"`
  const parse = await createBasicParser(fastify)
  const { tokenClient, scope } = options
  const tokens = createCredentialTokens<BasicCredential>(
    {
      ...options,
      partsOf: ({ username, password }) => [username, password],
      logIn: async ({ username, password }, connection) =>
        await tokenClient.password({ username, password, sessionKind: 'api', connection, ...defined({ scope }) }),
      refuse: cause => new BasicRejectedError({ cause })
    },
    verifier
  )

  fastify.addHook('onClose', async function revokeHeldTokens() {
    await tokens.drain()
  })

  const challengeFor = (request: FastifyRequest): string | null =>
    options.browserChallenge || !isBrowser(request.headers) ? challenge : null

  function authenticate(
    request: FastifyRequest,
    reply: FastifyReply,
    authorization: PresentedAuthorization
  ): StrategyResult | Promise<StrategyResult> {
    if (authorization.kind === 'none' || authorization.scheme !== 'basic') return NOT_APPLICABLE
    const { method, headers } = request
    if (isUnsafe(method, headers) && isForeign(headers, ownOrigins(options.origins, request))) {
      return { kind: 'refused', error: Object.assign(new CsrfRefusedError(), { reason: 'csrf-refused' }) }
    }
    const credential = parse(request, reply)
    if (credential === null) return refused(request, new BasicRejectedError(), 'credentials-malformed')
    const caller = tokens.recall(credential)
    if (caller === null) return obtainToken(request, credential)
    const { principal, accessToken } = caller
    return { kind: 'accepted', principal, accessToken, caller, renew: renewal(request, credential) }
  }

  async function obtainToken(request: FastifyRequest, credential: BasicCredential): Promise<StrategyResult> {
    try {
      const verified = await tokens.obtain(credential, requestConnection(request))
      return { kind: 'accepted', ...verified, renew: renewal(request, credential) }
    } catch (error) {
      // A new error for each request: requests that shared the refusal must not share its headers.
      if (isRejection(error)) {
        const refusal = refused(request, new BasicRejectedError({ cause: error }), 'credentials-rejected')
        return { ...refusal, about: { nameTried: credential.username } }
      }
      if (isOutage(error)) return { kind: 'refused', error }
      throw error
    }
  }

  function renewal(request: FastifyRequest, credential: BasicCredential): RenewToken {
    return async refusedToken =>
      await tokens.replace(refusedToken, credential, requestConnection(request)).catch(nullIfRejected)
  }

  function refused(
    request: FastifyRequest,
    error: FastifyError,
    reason: string
  ): Extract<StrategyResult, { kind: 'refused' }> {
    const shown = challengeFor(request)
    return {
      kind: 'refused',
      error: Object.assign(error, { reason, ...(shown === null ? {} : { headers: { 'www-authenticate': shown } }) })
    }
  }

  return { challenge, challengeFor, authenticate }
}

function nullIfRejected(error: unknown): null {
  if (isRejection(error)) return null
  throw error
}

function isRejection(error: unknown): boolean {
  return errorCode(error) === 'SALLYPORT_AUTHENTICATION_BASIC_REJECTED'
}
