import { createHash, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { SigningKeyRecord, SigningKeyState } from '../../store/records.ts'
import type { KeyRing } from './sealing-key-ring.ts'

/** Of everything that is signed here. @see RFC 7518 §3.4 */
export const JWT_SIGNING_ALGORITHM = 'ES256'

/** The AAD of sealed private keys: a sealed value of another kind is not taken for one. */
export const sealingPurpose = (kid: string): string => `sallyport signing key ${kid}`

/**
 * A new ES256 key, its private part sealed. The key id is the thumbprint of the public key.
 * @see RFC 7638 §3
 */
export function makeSigningKey(
  ring: KeyRing,
  state: Extract<SigningKeyState, 'published' | 'signing'>,
  nowMs: number
): SigningKeyRecord {
  const {
    kid,
    publicJwk: { kty = '', crv = '', x = '', y = '' },
    privateKey
  } = keyWithTypableId()
  return {
    kid,
    algorithm: JWT_SIGNING_ALGORITHM,
    publicJwk: { kty, crv, x, y },
    privateKeySealed: ring.seal(sealingPurpose(kid), privateKey.export({ format: 'der', type: 'pkcs8' })),
    state,
    publishedAtMs: nowMs,
    signingAtMs: state === 'signing' ? nowMs : null,
    retiredAtMs: null,
    removedAtMs: null
  }
}

/** Operators name keys on the command line, where an id that begins with a dash would be an option. */
function keyWithTypableId(): { readonly kid: string; readonly publicJwk: JsonWebKey; readonly privateKey: KeyObject } {
  for (;;) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const publicJwk = publicKey.export({ format: 'jwk' })
    const { crv, kty, x, y } = publicJwk
    const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
    if (!kid.startsWith('-')) return { kid, publicJwk, privateKey }
  }
}
