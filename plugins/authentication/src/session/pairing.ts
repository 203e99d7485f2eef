import { randomBytes } from 'node:crypto'
import type { DpopKey } from '@sallyport/security-context'
import { parseJsonObject, type Clock, type JsonObject } from '@sallyport/security-context/mechanics'
import { openDpopKey } from '../dpop/dpop-key.ts'

/**
 * What is known of the login that began a session, beyond its tokens. After a login at the issuer it comes from the
 * id_token, travels sealed with the tokens and outlives their refreshes.
 */
export interface LoginFacts {
  /** `issuer`: by a login there; `password`: by `POST /login`. */
  readonly method: 'issuer' | 'password'
  /** `auth_time`: when the person last proved who it is; `null` when the issuer does not say. */
  readonly authenticatedAtSeconds: number | null
  /** @see OpenID Connect Core 1.0 §2, `acr` */
  readonly acr: string | null
  /** @see RFC 8176 */
  readonly amr: readonly string[]
  readonly username: string | null
}

/** A text in a cookie, taken apart. */
export interface PairedToken {
  readonly pairingId: string
  readonly token: string
}

const PAIRING_BYTES = 16
/** Of the random part, which is base64url. */
const PAIRING_LENGTH = 22

/** What of a login at the issuer its cookies carry. */
export interface PairedLogin extends Omit<LoginFacts, 'method'> {
  /** Opens the key that its access tokens are bound to; `null` for none. */
  readonly dpopSecret: string | null
}

/**
 * What the cookies of a new session will have in common: 128 random bits and, after a login at the issuer, its facts,
 * in spaces, which neither a token nor base64url has.
 */
export function newPairing(login: PairedLogin | null): string {
  const id = randomBytes(PAIRING_BYTES).toString('base64url')
  return login === null ? id : `${id} ${Buffer.from(JSON.stringify(login)).toString('base64url')} `
}

/** Takes apart what was sealed: the pairing in front, then the token. */
export function splitPairing(text: string): PairedToken {
  const end = text[PAIRING_LENGTH] === ' ' ? text.indexOf(' ', PAIRING_LENGTH + 1) + 1 : PAIRING_LENGTH
  return { pairingId: text.slice(0, end), token: text.slice(end) }
}

/** The random part of a pairing, which names the session to this app. */
export const sessionMark = (pairingId: string): string => pairingId.slice(0, PAIRING_LENGTH)

/** What is known of a login by password. */
export const BY_PASSWORD: LoginFacts = Object.freeze({
  method: 'password',
  authenticatedAtSeconds: null,
  acr: null,
  amr: Object.freeze([]),
  username: null
})

const pairedLogin = (pairingId: string): JsonObject | null =>
  parseJsonObject(Buffer.from(pairingId.slice(PAIRING_LENGTH).trim(), 'base64url'))

/** The facts in a pairing. */
export function loginFactsIn(pairingId: string): LoginFacts {
  const facts = pairedLogin(pairingId)
  return facts === null ? BY_PASSWORD : readLoginFacts(facts, 'issuer')
}

/** The key in a pairing; `null` where the session has none. */
export function dpopKeyIn(pairingId: string, clock: Clock): DpopKey | null {
  const secret = pairedLogin(pairingId)?.dpopSecret
  return typeof secret === 'string' ? openDpopKey(secret, clock) : null
}

/** Facts as they were sealed; what has another form counts as not known. */
export function readLoginFacts(
  { authenticatedAtSeconds, acr, amr, username }: JsonObject,
  method: LoginFacts['method']
): LoginFacts {
  return Object.freeze({
    method,
    authenticatedAtSeconds: typeof authenticatedAtSeconds === 'number' ? authenticatedAtSeconds : null,
    acr: typeof acr === 'string' ? acr : null,
    amr: Array.isArray(amr) ? amr.filter(each => typeof each === 'string') : [],
    username: typeof username === 'string' ? username : null
  })
}
