import {
  messageWithCause,
  type Log,
  basicClientAuthorization,
  parseJsonObject
} from '@sallyport/security-context/mechanics'
import { WARNINGS } from '../warnings.ts'
import { createHash } from 'node:crypto'
import type { Principal } from '@sallyport/security-context'
import { LRUCache } from 'lru-cache'
import type { Dispatcher } from 'undici'
import { requireConfirmed, type ConfirmBinding } from '../tokens/confirm-binding.ts'
import { IntrospectionUnavailableError, InvalidOptionsError, InvalidTokenError } from '../errors.ts'
import { fetchDocument, isSecureUrl, type Connection, type Fetch } from './fetch-document.ts'
import { introspectedPrincipal } from './introspected-principal.ts'
import type { StrangerGate } from '../stranger-gate.ts'
import type { TokenVerifier } from '../tokens/verify-token.ts'

/** The introspection endpoint, this service as its client, and how long an answer is believed. */
export interface IntrospectorOptions {
  /**
   * https, or http on loopback. A function where it is found later: it rejects until then, and `null` is "there is
   * none".
   */
  readonly endpoint: string | (() => Promise<string | null>)
  readonly clientId: string
  readonly clientSecret: string
  /** This service's identifier: the answer's `aud` must contain it. */
  readonly audience: string
  /** When given, an answer with another `iss` is refused. */
  readonly issuer?: string
  readonly dispatcher?: Dispatcher
  /**
   * How long an answer is believed, in ms, never past the token's `exp`: the longest time a revoked token goes on.
   * Default 5000, 0 asks every time.
   */
  readonly cacheMs?: number
  /** How long a refusal is remembered, in ms. Default 5000. */
  readonly refusedCacheMs?: number
  /** How many answers of each kind are remembered. Default 5000. */
  readonly cacheSize?: number
  /** Time for one request, in ms. Default 5000. */
  readonly timeoutMs?: number
  readonly fetch?: Fetch
  /** The time in ms since 1970. Default `Date.now`. */
  readonly clock?: () => number
  readonly log?: Log
}

interface Answer {
  readonly principal: Principal
  readonly untilMs: number
}
interface Refusal {
  readonly reason: InvalidTokenError['reason']
  readonly untilMs: number
}

const MAX_TOKEN_BYTES = 8192
const MAX_ANSWER_BYTES = 64 * 1024
/** @see RFC 6750 §2.1 (b64token) */
const BEARER_TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

/**
 * A verifier that asks the issuer about each token: for opaque tokens.
 * Answers are remembered for a short time under the token's hash, and a token is asked about once at a time. An
 * endpoint that does not answer is 503, never "invalid token".
 * @param gate bounds the questions about tokens that were never accepted here; without one they are not bounded
 * @throws {InvalidOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`
 * @see RFC 7662
 */
export function createIntrospector(options: IntrospectorOptions, gate: StrangerGate | null = null): TokenVerifier {
  const mistakes = introspectorMistakes(options)
  if (mistakes.length > 0) throw new InvalidOptionsError(mistakes.join('; '))
  const { clock = Date.now, cacheMs = 5000, refusedCacheMs = 5000, cacheSize: max = 5000, log = WARNINGS } = options
  const connection: Connection = { timeoutMs: 5000, ...options }
  const authorization = basicClientAuthorization(options.clientId, options.clientSecret)
  const accepted = new LRUCache<string, Answer>({ max })
  // Apart, so that a flood of bad tokens does not push the good ones out.
  const refused = new LRUCache<string, Refusal>({ max })
  const inFlight = new Map<string, Promise<Principal>>()

  async function verify(token: string, confirm?: ConfirmBinding, source?: () => string): Promise<Principal> {
    if (token.length > MAX_TOKEN_BYTES) throw new InvalidTokenError('token-too-large')
    if (!BEARER_TOKEN.test(token)) throw new InvalidTokenError('token-malformed')
    const id = createHash('sha256').update(token).digest('base64')
    const answer = accepted.get(id)
    if (answer !== undefined && clock() < answer.untilMs) return await requireConfirmed(answer.principal, confirm)
    const refusal = refused.get(id)
    if (refusal !== undefined && clock() < refusal.untilMs) throw new InvalidTokenError(refusal.reason)
    // A token that was accepted before is no stranger's.
    const asking = inFlight.get(id) ?? ask(id, token, answer === undefined && source !== undefined ? source() : null)
    return await requireConfirmed(await asking, confirm)
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
      const principal = introspectedPrincipal(claims, options, askedAtMs / 1000)
      const expiresAtMs = (principal.expiresAtSeconds ?? Number.POSITIVE_INFINITY) * 1000
      accepted.set(id, { principal, untilMs: Math.min(askedAtMs + cacheMs, expiresAtMs) })
      return principal
    } catch (error) {
      accepted.delete(id)
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
      const { status, body } = await fetchDocument(endpoint, connection, MAX_ANSWER_BYTES, {
        method: 'POST',
        headers: { authorization, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
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

  return { verify }
}

/** Every mistake in an introspector's options, as one phrase each. */
export function introspectorMistakes(options: IntrospectorOptions): string[] {
  const mistakes: string[] = []
  if (typeof options.endpoint === 'string' && !isSecureUrl(options.endpoint)) {
    mistakes.push('introspection endpoint must be an https URL (http only on loopback)')
  }
  for (const name of ['clientId', 'clientSecret', 'audience'] as const) {
    if (typeof options[name] !== 'string' || options[name] === '') {
      mistakes.push(`introspection ${name} must be a non-empty string`)
    }
  }
  for (const name of ['cacheMs', 'refusedCacheMs'] as const) {
    if (!((options[name] ?? 0) >= 0)) mistakes.push(`introspection ${name} must not be negative`)
  }
  return mistakes
}
