import { invalidRequest } from './oauth-error.ts'

const exactUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What stands for something else, or is nothing that a form may hold. */
const ENCODED = /[%+\0]/

/** The parameters of a form: each at most once, without empty ones. */
export type Form = ReadonlyMap<string, string>

/**
 * Parses `application/x-www-form-urlencoded` strictly. Decoding that replaces what is not UTF-8 would make two
 * different passwords one, so everything that is not exact is refused.
 * @throws {OAuthError} `invalid_request`: a parameter twice, bad percent-encoding or UTF-8, a NUL
 * @see RFC 6749 §3.2: no parameter more than once, one without a value counts as omitted
 */
export function parseStrictForm(body: Buffer): Form {
  const form = new Map<string, string>()
  for (const pair of decodeBody(body).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeFormComponent(equals === -1 ? pair : pair.slice(0, equals))
    const value = equals === -1 ? '' : decodeFormComponent(pair.slice(equals + 1))
    if (name === null || value === null) throw invalidRequest('form-encoding', 'The form is not valid')
    if (form.has(name)) throw invalidRequest('parameter-repeated', 'A parameter is there more than once')
    form.set(name, value)
  }
  for (const [name, value] of form) if (value === '') form.delete(name)
  return form
}

/**
 * Decodes one form component; `null` when it is not valid or has a NUL, which no text column can hold.
 * @see RFC 6749 Appendix B
 */
export function decodeFormComponent(encoded: string): string | null {
  if (!ENCODED.test(encoded)) return encoded
  try {
    const decoded = decodeURIComponent(encoded.replaceAll('+', ' '))
    return decoded.includes('\0') ? null : decoded
  } catch {
    return null
  }
}

function decodeBody(body: Buffer): string {
  try {
    return exactUtf8.decode(body)
  } catch {
    throw invalidRequest('form-encoding', 'The form is not valid')
  }
}
