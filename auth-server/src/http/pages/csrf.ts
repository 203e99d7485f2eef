import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import { oncePerValue } from '@sallyport/security-context/mechanics'

/** Ties a form to the browser that it was shown in. */
export interface CsrfTokens {
  /** @param browserSecret of the browser's cookie */
  readonly tokenOf: (browserSecret: string) => string
  readonly isRight: (token: string, browserSecret: string) => boolean
}

/**
 * Tokens that follow from the browser's secret and from a key that all instances share: a page of another site can
 * neither read the cookie nor make the token.
 * @param keys of the moment, newest first; the newest makes tokens, each one proves them
 */
export function createCsrfTokens(keys: () => readonly Buffer[]): CsrfTokens {
  const macKeys = oncePerValue(keys, ring => ring.map(key => createSecretKey(key)))
  const tokens = (browserSecret: string): readonly Buffer[] =>
    macKeys().map(key => createHmac('sha256', key).update(browserSecret).digest())
  return {
    tokenOf: browserSecret => tokens(browserSecret)[0]?.toString('base64url') ?? '',
    isRight: (token, browserSecret) => {
      const presented = Buffer.from(token, 'base64url')
      return tokens(browserSecret).some(
        expected => presented.length === expected.length && timingSafeEqual(presented, expected)
      )
    }
  }
}
