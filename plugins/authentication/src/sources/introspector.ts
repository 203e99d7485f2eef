import { createHash } from 'node:crypto'
import type { KnownCaller, Principal } from '@sallyport/security-context'
import {
  basicClientAuthorization,
  forgetOldest,
  messageWithCause,
  oncePerValue,
  parseJsonObject
} from '@sallyport/security-context/mechanics'
import { LRUCache } from 'lru-cache'
import { requireConfirmed, type ConfirmBinding } from '../tokens/confirm-binding.ts'
import { UNBOUNDED, type IdentityBounds } from '../tokens/issuer-trust.ts'
import { IntrospectionUnavailableError, InvalidTokenError } from '../errors.ts'
import { fetchDocument, type Connection } from './fetch-document.ts'
import { introspectedPrincipal } from './introspected-principal.ts'
import { readIntrospectorOptions, type IntrospectorOptions } from './introspector-options.ts'
import type { StrangerGate } from '../stranger-gate.ts'
import type { TokenVerifier } from '../tokens/verify-token.ts'

interface IntrospectionAnswer extends KnownCaller {
  readonly untilMs: number
}
interface Refusal {
  readonly reason: InvalidTokenError['reason']
  readonly untilMs: number
}

const MAX_OPAQUE_TOKEN_BYTES = 8192
const MAX_INTROSPECTION_BYTES = 64 * 1024
/** @see RFC 6750 §2.1 (b64token) */
const BEARER_TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

/**
 * A verifier that asks the issuer about each token: for opaque tokens.
 * Answers are remembered for a short time, and a token is asked about once at a time. What was accepted is found by the
 * token itself, as a JWT is, and costs a look-up; what was refused, by the token's hash: it may be a good token of
 * another service. An endpoint that does not answer is 503, never "invalid token".
 * @param gate bounds the questions about tokens that were never accepted here; without one they are not bounded
 * @param bounds what the issuer may say of its subjects; without them everything
 * @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`
 * @see RFC 7662
 */
export function createIntrospector(
  given: IntrospectorOptions,
  gate: StrangerGate | null = null,
  bounds: IdentityBounds = UNBOUNDED
): TokenVerifier {
  const options = readIntrospectorOptions(given)
  const { clock, cacheMs, refusedCacheMs, cacheSize: max, log } = options
  const connection: Connection = options
  const { clientId, clientSecret } = options
  const authorizationNow = oncePerValue(
    typeof clientSecret === 'function' ? clientSecret : () => clientSecret,
    secret => basicClientAuthorization(clientId, secret)
  )
  // By the token itself, for as long as the answer holds.
  const answers = new LRUCache<string, IntrospectionAnswer>({ max })
  const acceptedBefore = new LRUCache<string, true>({ max })
  // Apart, so that a flood of bad tokens does not push the good ones out.
  const refused = new LRUCache<string, Refusal>({ max })
  const inFlight = new Map<string, Promise<Principal>>()

  async function verify(token: string, confirm?: ConfirmBinding, source?: () => string): Promise<Principal> {
    const known = recall(token, 'confirmed')
    if (known !== null) return await requireConfirmed(known.principal, confirm)
    if (token.length > MAX_OPAQUE_TOKEN_BYTES) throw new InvalidTokenError('token-too-large')
    if (!BEARER_TOKEN.test(token)) throw new InvalidTokenError('token-malformed')
    const id = createHash('sha256').update(token).digest('base64')
    const refusal = refused.get(id)
    if (refusal !== undefined && clock() < refusal.untilMs) throw new InvalidTokenError(refusal.reason)
    // A token that was accepted before is no stranger's.
    const asking = inFlight.get(id) ?? ask(id, token, acceptedBefore.has(id) || source === undefined ? null : source())
    return await requireConfirmed(await asking, confirm)
  }

  function recall(token: string, binding?: 'confirmed'): KnownCaller | null {
    const answer = answers.get(token)
    if (answer === undefined || clock() >= answer.untilMs) return null
    return binding === undefined && Object.hasOwn(answer.principal.claims, 'cnf') ? null : answer
  }

  function ask(id: string, token: string, source: string | null): Promise<Principal> {
    const question = async (): Promise<Principal> => await introspect(id, token)
    const asking = (gate === null ? question() : gate.pass(source, question)).finally(() => inFlight.delete(id))
    inFlight.set(id, asking)
    return asking
  }

  async function introspect(id: string, token: string): Promise<Principal> {
    const askedAtMs = clock()
    const claims = await request(token)
    try {
      const principal = introspectedPrincipal(claims, options, askedAtMs / 1000, bounds)
      const expiresAtMs = (principal.expiresAtSeconds ?? Number.POSITIVE_INFINITY) * 1000
      answers.set(token, { principal, accessToken: token, untilMs: Math.min(askedAtMs + cacheMs, expiresAtMs) })
      acceptedBefore.set(id, true)
      forgetOldest(answers, other => clock() >= other.untilMs)
      return principal
    } catch (error) {
      answers.delete(token)
      acceptedBefore.delete(id)
      if (error instanceof InvalidTokenError) {
        refused.set(id, { reason: error.reason, untilMs: askedAtMs + refusedCacheMs })
      }
      throw error
    }
  }

  async function request(token: string): Promise<Readonly<Record<string, unknown>>> {
    try {
      const endpoint = typeof options.endpoint === 'string' ? options.endpoint : await options.endpoint()
      // An issuer without the endpoint has given no opaque token.
      if (endpoint === null) return { active: false }
      const { status, body } = await fetchDocument(endpoint, connection, MAX_INTROSPECTION_BYTES, {
        method: 'POST',
        headers: {
          authorization: authorizationNow(),
          accept: 'application/json',
          'content-type': 'application/x-www-form-urlencoded'
        },
        body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString()
      })
      const claims = status === 200 ? parseJsonObject(body) : null
      if (claims === null) throw new Error(status === 200 ? 'not a JSON object' : `status ${status}`)
      return claims
    } catch (error) {
      log('a token could not be introspected', { issuer: options.issuer, error: messageWithCause(error) })
      const unavailable = new IntrospectionUnavailableError()
      unavailable.cause = error
      throw unavailable
    }
  }

  return { verify, recall, ...(options.issuer === undefined ? {} : { issuers: [options.issuer] }) }
}
