import { STYLE_SOURCE } from './layout.ts'

/**
 * Headers of every page: shown in no frame, kept in no cache, run no script unless it is a file of this origin, and no
 * link or redirect tells where it was.
 * @param formTarget where a form's answer may redirect to besides here: browsers hold redirects after a form to
 * `form-action` too
 * @param scripts `own`: files of this origin run, and may ask this origin
 * @see RFC 9700 §4.2.4, §4.16
 */
export function pageHeaders(
  formTarget: string | null,
  scripts: 'none' | 'own' = 'none'
): Readonly<Record<string, string>> {
  const formAction = formTarget === null ? "'self'" : `'self' ${formTarget}`
  const scriptSources = scripts === 'own' ? " script-src 'self'; connect-src 'self';" : ''
  return {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    pragma: 'no-cache',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'content-security-policy': `default-src 'none'; style-src ${STYLE_SOURCE};${scriptSources} form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'`
  }
}

/**
 * The source of a redirect URI in a content security policy: its origin, or its scheme when that is an application's
 * own.
 */
export function formTargetOf(redirectUri: string): string {
  const { protocol, origin } = new URL(redirectUri)
  return protocol === 'https:' || protocol === 'http:' ? origin : protocol
}
