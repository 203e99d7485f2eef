/** A year, as on every other answer. */
const HSTS = 'max-age=31536000'

/**
 * Security fields of an answer that no hook sees, such as one that is written when no request could be parsed: nothing
 * in it may run, be framed, be taken for another type or kept.
 * @param isSecure whether the client uses TLS, here or at a proxy in front
 */
export function bareAnswerFields(isSecure: boolean): Readonly<Record<string, string>> {
  return isSecure ? SECURE : PLAIN
}

const PLAIN: Readonly<Record<string, string>> = Object.freeze({
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff'
})

const SECURE: Readonly<Record<string, string>> = Object.freeze({ ...PLAIN, 'strict-transport-security': HSTS })
