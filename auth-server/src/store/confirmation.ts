/** The keys that a token is bound to: whoever presents it has to prove to hold each of them. @see RFC 7800 §3.1 */
export interface Confirmation {
  /** SHA-256 of the client's certificate, base64url. @see RFC 8705 §3.1 */
  readonly 'x5t#S256'?: string
  /** SHA-256 thumbprint of the client's DPoP key, base64url. @see RFC 9449 §6.1 */
  readonly jkt?: string
}

/** The members of a confirmation; a token bound in a way that is not known here is not read at all. */
const MEMBERS = ['x5t#S256', 'jkt'] as const

/** A confirmation out of parsed JSON; `null` when it is not one. */
export function confirmationOf(value: unknown): Confirmation | null {
  if (typeof value !== 'object' || value === null) return null
  const entries = Object.entries(value)
  if (
    entries.length === 0 ||
    !entries.every(([name, thumbprint]) => MEMBERS.some(member => member === name) && typeof thumbprint === 'string')
  ) {
    return null
  }
  return Object.fromEntries(entries)
}

/** Whether what was proven includes every key of `required`; `null` requires none. */
export function satisfies(required: Confirmation | null, proven: Confirmation | null): boolean {
  return MEMBERS.every(member => required?.[member] === undefined || required[member] === proven?.[member])
}
