import { LoginRefusedError } from '../errors.ts'

/** The parameters with which the issuer sends a browser back. Nothing in them is to be believed yet. */
export type LoginAnswer = { readonly state: string; readonly issuer: string | null } & (
  | { readonly kind: 'code'; readonly code: string }
  /** The code of the error; the description is the issuer's text and goes nowhere. */
  | { readonly kind: 'error'; readonly error: string }
)

const LONGEST_CODE = 4096
const LONGEST_ANSWER_VALUE = 2048
/** @see RFC 6749 §4.1.2.1 */
const ERROR_FORM = /^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,64}$/

/**
 * Reads an authorization response: a parameter that comes twice has two readings, and an answer is a code or an error.
 * @param url of the request, as received
 * @throws {LoginRefusedError} `SALLYPORT_AUTHENTICATION_LOGIN_REFUSED`
 * @see RFC 6749 §3.1, §4.1.2, RFC 9207 §2
 */
export function readLoginAnswer(url: string): LoginAnswer {
  const query = queryOf(url)
  const [state, code, error, issuer] = ['state', 'code', 'error', 'iss'].map(name => onlyValue(query, name))
  if (state == null || (code == null) === (error == null)) throw new LoginRefusedError('login-answer-malformed')
  const common = { state, issuer: issuer ?? null }
  if (code != null) return { ...common, kind: 'code', code }
  return { ...common, kind: 'error', error: ERROR_FORM.test(error ?? '') ? (error ?? '') : 'another error' }
}

/** What follows the first question mark: a later one belongs to a value. @see RFC 3986 §3.4 */
export function queryOf(url: string): URLSearchParams {
  const question = url.indexOf('?')
  return new URLSearchParams(question === -1 ? '' : url.slice(question + 1))
}

/** Which login an answer is for; `null` when it does not say, or says it twice. */
export function stateOfAnswer(url: string): string | null {
  const states = queryOf(url).getAll('state')
  return states.length === 1 ? (states[0] ?? null) : null
}

function onlyValue(query: URLSearchParams, name: string): string | null {
  const [value = null, ...more] = query.getAll(name)
  const longest = name === 'code' ? LONGEST_CODE : LONGEST_ANSWER_VALUE
  if (more.length > 0 || value === '' || (value?.length ?? 0) > longest) {
    throw new LoginRefusedError('login-answer-malformed')
  }
  return value
}
