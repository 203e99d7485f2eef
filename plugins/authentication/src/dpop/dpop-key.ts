import { createECDH, createHash, createPrivateKey, randomUUID, sign, type KeyObject } from 'node:crypto'
import type { DpopKey } from '@sallyport/security-context'
import type { Clock } from '@sallyport/security-context/mechanics'

const CURVE = 'prime256v1'
/** The private scalar of a key of P-256, base64url. */
const SECRET_FORM = /^[\w-]{43}$/

/** Makes the secret of a new key, which opens it again: 43 characters that go into a sealed cookie. */
export function newDpopSecret(): string {
  const pair = createECDH(CURVE)
  pair.generateKeys()
  // The leading zeros are left out by Node.
  return Buffer.concat([Buffer.alloc(32), pair.getPrivateKey()])
    .subarray(-32)
    .toString('base64url')
}

/**
 * Opens a key, which signs by ES256; the work is done when it is first used.
 * @returns `null` for what is no secret of a key
 * @see RFC 9449 §4.2, RFC 7638 §3
 */
export function openDpopKey(secret: string, clock: Clock): DpopKey | null {
  if (!SECRET_FORM.test(secret)) return null
  let opened: SigningPair | null = null
  const pair = (): SigningPair => (opened ??= signingPair(secret))
  return {
    thumbprint: () => pair().thumbprint,
    prove({ method, url, accessToken, nonce }) {
      const { header, privateKey } = pair()
      const { origin, pathname } = new URL(url)
      const claims = {
        jti: randomUUID(),
        htm: method,
        htu: origin + pathname,
        iat: Math.floor(clock() / 1000),
        ...(accessToken !== undefined && { ath: createHash('sha256').update(accessToken).digest('base64url') }),
        ...(nonce !== undefined && { nonce })
      }
      const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
      const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${input}.${signature.toString('base64url')}`
    }
  }
}

interface SigningPair {
  readonly privateKey: KeyObject
  /** Of each proof, encoded. */
  readonly header: string
  readonly thumbprint: string
}

function signingPair(secret: string): SigningPair {
  const pair = createECDH(CURVE)
  pair.setPrivateKey(Buffer.from(secret, 'base64url'))
  const point = pair.getPublicKey()
  const [x, y] = [point.toString('base64url', 1, 33), point.toString('base64url', 33)]
  // In the order that the thumbprint needs.
  const jwk = { crv: 'P-256', kty: 'EC', x, y }
  return {
    privateKey: createPrivateKey({ format: 'jwk', key: { ...jwk, d: secret } }),
    header: Buffer.from(JSON.stringify({ typ: 'dpop+jwt', alg: 'ES256', jwk })).toString('base64url'),
    thumbprint: createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')
  }
}
