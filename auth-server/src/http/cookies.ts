import type { CookieSerializeOptions } from '@fastify/cookie'

/**
 * Holds the secret of the browser's sign-in. The prefix keeps sibling hosts and plain HTTP from setting it. @see RFC
 * 6265bis "The __Host- Prefix"
 */
export const SIGN_IN_COOKIE = '__Host-sallyport_sign_in'

/** Holds a random value that the forms shown in this browser are tied to. */
export const BROWSER_COOKIE = '__Host-sallyport_browser'

/** `Lax`: the browser comes here from the application, and its first request has to bring the cookie. */
export const COOKIE_ATTRIBUTES: Readonly<CookieSerializeOptions> = Object.freeze({
  path: '/',
  httpOnly: true,
  secure: true,
  sameSite: 'lax'
})
