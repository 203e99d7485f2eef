import '@sallyport/security-context/require-node'
import type { Principal } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { authenticateWith } from './identify-caller.ts'
import type { LoginEntry } from './login/login-entry.ts'
import type { LoginFacts } from './session/pairing.ts'
import { introspectionOf } from './introspection-of.ts'
import { openVerifier, type OpenVerifier } from './open-verifier.ts'
import type { SessionData } from './stored-sessions/session-data.ts'
import { readAuthenticationOptions, type AuthenticationOptions } from './options.ts'
import { createIntrospector } from './sources/introspector.ts'
import { reportUnfollowedStatus } from './report-unfollowed-status.ts'
import { resourceMetadataUri, serveResourceMetadata } from './resource-metadata.ts'
import { chooseStrategies } from './route-strategies.ts'
import { createStrangerGate } from './stranger-gate.ts'
import { openStrategies, strategyNameMistakes } from './strategy-table.ts'
import { AuthenticationOptionsError } from './errors.ts'
import { confirmRequests } from './tokens/confirm-request.ts'
import type { TokenVerifier } from './tokens/verify-token.ts'

export type { AuthenticationOptions, PluginIntrospection } from './options.ts'
export type { PresentedAuthorization } from './authorization-header.ts'
export type { Strategy, StrategyResult } from './strategy.ts'
export {
  PROFILE_NAMES,
  type ClaimPath,
  type CustomProfile,
  type Profile,
  type ProfileClaims,
  type ProfileName
} from './tokens/profiles.ts'
export type { Fetch, HttpAnswer, HttpInit } from './sources/fetch-document.ts'
export type { IssuersVerifierOptions, TokenVerifierOptions, TrustedIssuerOptions } from './tokens/verifier-options.ts'
export { explainToken, type CheckOutcome, type ExplainedCheck, type TokenExplanation } from './explain/explain-token.ts'
export { runTokenCommand, type TokenCommandCall } from './explain/token-command.ts'
export { createIssuersVerifier, createTokenVerifier, type TokenVerifier } from './tokens/verify-token.ts'
export { resourceMetadataUri, type ResourceMetadataOptions } from './resource-metadata.ts'
export type { PluginIssuerOptions } from './issuer-options.ts'
export {
  furtherIssuersMistakes,
  furtherIssuersSettings,
  processIssuers,
  type FurtherIssuersSettings,
  type OwnIssuer
} from './further-issuers.ts'
export { createSharedSecretVerifier, type SharedSecretOptions } from './tokens/shared-secret.ts'
export { createIntrospector } from './sources/introspector.ts'
export type { IntrospectorOptions } from './sources/introspector-options.ts'
export type { StrangerLimits } from './stranger-gate.ts'
export { createJwksKeySource } from './sources/jwks-key-source.ts'
export type { Log } from '@sallyport/security-context/mechanics'
export { createStatusListSource, type StatusListSource } from './sources/status-list-source.ts'
export type { JwksKeySourceOptions, PluginStatusLists, StatusListSourceOptions } from './sources/source-options.ts'
export { importKeys, type IgnoredKey, type ImportedKeys } from './tokens/import-keys.ts'
export { parseCompactJws, type CompactJws } from './tokens/compact-jws.ts'
export { checkWithFastifyJwt } from './tokens/check-with-fastify-jwt.ts'
export { isSignedBy, type SignatureCheck, type SignedInput } from './tokens/check-signature.ts'
export { statusReferenceOf } from './tokens/claims.ts'
export { looksLikeJwt } from './tokens/token-strategy.ts'
export { requireConfirmed, type ConfirmBinding } from './tokens/confirm-binding.ts'
export type { DpopOptions, ProofReplays } from './dpop/options.ts'
export { createDpopNonces, type DpopNonceOptions, type DpopNonces } from './dpop/nonces.ts'
export {
  verifyDpopProof,
  type DpopExpectations,
  type DpopProof,
  type DpopProofReason,
  type DpopProofResult
} from './dpop/verify-proof.ts'
export { createCredentialTokens, type CredentialTokens, type CredentialTokensOptions } from './credential-tokens.ts'
export type { VerifiedToken } from './tokens/verified-token.ts'
export type { BasicOptions } from './basic/options.ts'
export type { SealingKey, SessionOptions } from './session/options.ts'
export { protectedResourceOptions, type ProtectedResourceFacts } from './protected-resource-options.ts'
export { parseSealingKeys } from './session/parse-sealing-keys.ts'
export { sessionRoutes, type SessionRoutesOptions } from './session/session-routes.ts'
export { loginRoutes } from './login/login-routes.ts'
export type { LoginRoutesOptions } from './login/options.ts'
export type { LoginFacts } from './session/pairing.ts'
export type { StoredSessionOptions } from './stored-sessions/options.ts'
export type { SessionData } from './stored-sessions/session-data.ts'
export * as errors from './errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Verifies access tokens as the authentication plugin does, for code that gets a token in another way. */
    tokenVerifier: TokenVerifier
    /** The issuers whose tokens the plugin takes; with more than one, identity is issuer and subject together. */
    trustedIssuers: readonly string[]
  }
  interface FastifyRequest {
    /** How the caller's session began; `null` for callers without one. */
    loginFacts: LoginFacts | null
    /** What the app keeps with the caller's session; `null` for callers without a session in a store. */
    readonly sessionData: SessionData | null
  }
  interface FastifyContextConfig {
    /**
     * Verifies the tokens of this route alone, instead of the plugin's verifier: for one that takes tokens of other
     * audiences.
     */
    tokenVerifier?: TokenVerifier
  }
}

const NO_ISSUERS: OpenVerifier['issuers'] = new Map()

const NOBODY: TokenVerifier = Object.freeze({
  verify: async (): Promise<Principal> => {
    throw new AuthenticationOptionsError('no verifier was configured')
  }
})

/**
 * Finds out who is calling, before the body is read: every route is refused with 401 unless a strategy accepts the
 * request or the route declares `access: 'public'`. Sets `request.principal` and `request.accessToken`.
 * A route accepts every strategy, or those that it names in `config.strategies`.
 * @throws {AuthenticationOptionsError} at boot, `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming every mistake
 */
async function authentication(fastify: FastifyInstance, given: AuthenticationOptions): Promise<void> {
  const options = readAuthenticationOptions(given)
  const { basic, session, dispatcher, clock, resourceMetadata, bearer } = options
  const gate = createStrangerGate(options.strangers, clock)
  const local = openVerifier(fastify, options)
  const opaque = introspectionOf(options, local)
  const introspector =
    opaque === null
      ? null
      : createIntrospector({ ...defined({ dispatcher }), clock, ...opaque.options }, gate, opaque.bounds)
  const verifier = local?.verifier ?? introspector ?? NOBODY

  const login: LoginEntry = { path: null, leave: null }
  const strategies = await openStrategies({
    fastify,
    local,
    introspection:
      introspector === null
        ? null
        : {
            verifier: introspector,
            keys: null,
            realm: options.realm ?? opaque?.options.audience ?? '',
            issuers: NO_ISSUERS
          },
    bearer,
    dpop: options.dpop ?? null,
    confirm: confirmRequests(options),
    resourceMetadataUri: resourceMetadata === undefined ? null : resourceMetadataUri(resourceMetadata.resource),
    basic,
    session,
    tools: { verifier, gate, keys: local?.keys ?? null, login }
  })
  strategies.push(...options.strategies)
  const nameMistakes = strategyNameMistakes(strategies)
  if (nameMistakes.length > 0) throw new AuthenticationOptionsError(nameMistakes.join('; '))

  fastify.decorate('tokenVerifier', verifier)
  const issuers = trustedIssuers(local?.verifier ?? null, introspector)
  fastify.decorate('trustedIssuers', issuers)
  if (resourceMetadata !== undefined) {
    const { certificateBound, dpop } = options
    const dpopAlgorithms = dpop?.algorithms ?? null
    serveResourceMetadata(fastify, { options: resourceMetadata, issuers, bearer, dpopAlgorithms, certificateBound })
  }
  if (!fastify.hasRequestDecorator('accessToken')) fastify.decorateRequest('accessToken', null)
  if (!fastify.hasRequestDecorator('renewAccessToken')) fastify.decorateRequest('renewAccessToken', null)
  if (!fastify.hasRequestDecorator('dpopKey')) fastify.decorateRequest('dpopKey', null)
  if (!fastify.hasRequestDecorator('loginFacts')) fastify.decorateRequest('loginFacts', null)
  if (session?.stored === undefined) fastify.decorateRequest('sessionData', null)
  if (!fastify.hasRequestDecorator('knownCaller')) fastify.decorateRequest('knownCaller', null)
  fastify.addHook(
    'onRequest',
    authenticateWith({
      all: strategies,
      strategiesOfRoute: chooseStrategies(fastify, strategies),
      login,
      stepUpClock: { clock, toleranceSeconds: options.clockToleranceSeconds }
    })
  )
  if (local !== null && local.issuers.size > 0) {
    const follows = (issuer: string | null): boolean => local.issuers.get(issuer ?? '')?.followsStatus() ?? false
    fastify.addHook('onRequest', reportUnfollowedStatus(follows))
  }
}

/** Whose tokens the plugin takes; an app's own strategies and verifiers may take others. */
function trustedIssuers(...verifiers: ReadonlyArray<TokenVerifier | null>): readonly string[] {
  return Object.freeze([...new Set(verifiers.flatMap(each => each?.issuers ?? []))])
}

export default fastifyPlugin(authentication, {
  name: '@sallyport/authentication',
  fastify: '5.x',
  decorators: { request: ['principal'] }
})
