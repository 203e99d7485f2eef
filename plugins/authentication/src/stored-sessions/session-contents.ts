import { isJsonObject, ownMember, parseJsonObject, type JsonObject } from '@sallyport/security-context/mechanics'
import { readLoginFacts, type LoginFacts } from '../session/pairing.ts'

/** What of a session only this app can read. */
export interface SessionContents {
  readonly accessToken: string
  readonly refreshToken: string | null
  /** Of the login at the issuer, to name it at the logout. */
  readonly idToken: string | null
  /** Opens the key that its access tokens are bound to; `null` for none. */
  readonly dpopSecret: string | null
  readonly login: LoginFacts
  readonly clientId: string | null
  /** Of the login. */
  readonly sourceAddress: string | null
  /** Of the login. */
  readonly userAgent: string | null
}

/**
 * What was sealed, read like anything from outside: another version may have sealed it. `null` when it is no session.
 */
export function parseSessionContents(text: string): SessionContents | null {
  const value = parseJsonObject(text)
  if (value === null) return null
  const accessToken = textMember(value, 'accessToken')
  const facts = ownMember(value, 'login')
  if (accessToken === null || !isJsonObject(facts)) return null
  return Object.freeze({
    accessToken,
    refreshToken: textMember(value, 'refreshToken'),
    idToken: textMember(value, 'idToken'),
    dpopSecret: textMember(value, 'dpopSecret'),
    login: readLoginFacts(facts, facts['method'] === 'issuer' ? 'issuer' : 'password'),
    clientId: textMember(value, 'clientId'),
    sourceAddress: textMember(value, 'sourceAddress'),
    userAgent: textMember(value, 'userAgent')
  })
}

function textMember(value: JsonObject, name: string): string | null {
  const member = ownMember(value, name)
  return typeof member === 'string' ? member : null
}
