import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { oncePerValue } from '@sallyport/security-context/mechanics'
import type { SealingKey, SessionOptions } from './options.ts'

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const COOKIE_TAG_BYTES = 16

/** Seals short texts for cookies. */
export interface Sealer {
  /**
   * @param purpose what the text is and where it stands; the same must be given to unseal it
   * @returns `keyId.base64url(nonce ‖ ciphertext ‖ tag)`
   */
  readonly seal: (purpose: string, text: string) => string
  /** The text, or `null` when this is not something that a key of the ring sealed for this purpose. */
  readonly unseal: (purpose: string, sealed: string) => string | null
}

/**
 * AES-256-GCM under a key ring. The purpose and the key's id are authenticated: a sealed text moved to another cookie,
 * cut, flipped or relabelled is not unsealed. Nonces are random: one key is good for 2^32 seals.
 * @param keys newest first; the first seals. A function where they change
 * @param random injected for tests
 * @see NIST SP 800-38D
 */
export function createSealer(keys: SessionOptions['keys'], random: (bytes: number) => Buffer = randomBytes): Sealer {
  const sealer = oncePerValue(typeof keys === 'function' ? keys : () => keys, ring => sealerUnder(ring, random))
  return {
    seal: (purpose, text) => sealer().seal(purpose, text),
    unseal: (purpose, sealed) => sealer().unseal(purpose, sealed)
  }
}

function sealerUnder(keys: readonly SealingKey[], random: (bytes: number) => Buffer): Sealer {
  const ring = new Map<string, KeyObject>(keys.map(({ id, key }) => [id, createSecretKey(key)]))
  const [newest] = ring

  function seal(purpose: string, text: string): string {
    if (newest === undefined) throw new TypeError('The key ring is empty')
    const [id, key] = newest
    const nonce = random(NONCE_BYTES)
    const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: COOKIE_TAG_BYTES }).setAAD(
      associatedData(purpose, id)
    )
    const body = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    return `${id}.${body.toString('base64url')}`
  }

  function unseal(purpose: string, sealed: string): string | null {
    const dot = sealed.indexOf('.')
    const id = sealed.slice(0, Math.max(dot, 0))
    const encoded = sealed.slice(dot + 1)
    const key = ring.get(id)
    const body = Buffer.from(encoded, 'base64url')
    // Only the canonical spelling: the decoder would skip over foreign characters.
    if (key === undefined || body.length < NONCE_BYTES + COOKIE_TAG_BYTES || body.toString('base64url') !== encoded) {
      return null
    }
    try {
      const decipher = createDecipheriv(ALGORITHM, key, body.subarray(0, NONCE_BYTES), {
        authTagLength: COOKIE_TAG_BYTES
      })
        .setAAD(associatedData(purpose, id))
        .setAuthTag(body.subarray(-COOKIE_TAG_BYTES))
      return Buffer.concat([decipher.update(body.subarray(NONCE_BYTES, -COOKIE_TAG_BYTES)), decipher.final()]).toString(
        'utf8'
      )
    } catch {
      return null
    }
  }

  return { seal, unseal }
}

/** The number is of the format of the text: what was sealed for another is not unsealed. */
function associatedData(purpose: string, keyId: string): Buffer {
  return Buffer.from(`sallyport session cookie 2\0${keyId}\0${purpose}`, 'utf8')
}
