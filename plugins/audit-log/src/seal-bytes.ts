import { createCipheriv, createDecipheriv, randomFillSync, type CipherKey } from 'node:crypto'

const SPILL_CIPHER = 'aes-256-gcm'
const SPILL_NONCE_BYTES = 12
const SPILL_TAG_BYTES = 16

/** How much longer sealed bytes are than the text, in bytes. */
export const SEAL_OVERHEAD_BYTES = SPILL_NONCE_BYTES + SPILL_TAG_BYTES

/**
 * Encrypts text so that nobody without the key can read or change it, nor put it in another place.
 * @param place where it belongs: it opens only with the same one
 * @returns nonce ‖ ciphertext ‖ tag
 * @see NIST SP 800-38D
 */
export function sealBytes(key: CipherKey, place: Uint8Array, text: string): Buffer {
  const nonce = nextNonce()
  const cipher = createCipheriv(SPILL_CIPHER, key, nonce).setAAD(place)
  const body = cipher.update(text, 'utf8')
  return Buffer.concat([nonce, body, cipher.final(), cipher.getAuthTag()])
}

/** Random bytes for so many nonces at once: a call for twelve of them costs as much. */
const nonces = Buffer.alloc(256 * SPILL_NONCE_BYTES)
let usedNonceBytes = nonces.length

/** A nonce that nobody has used, good until the next call. */
function nextNonce(): Buffer {
  if (usedNonceBytes === nonces.length) {
    randomFillSync(nonces)
    usedNonceBytes = 0
  }
  usedNonceBytes += SPILL_NONCE_BYTES
  return nonces.subarray(usedNonceBytes - SPILL_NONCE_BYTES, usedNonceBytes)
}

/** The text of {@link sealBytes}; `null` for what was not sealed under this key for this place. */
export function openBytes(key: CipherKey, place: Uint8Array, sealed: Buffer): string | null {
  if (sealed.length < SEAL_OVERHEAD_BYTES) return null
  const nonce = sealed.subarray(0, SPILL_NONCE_BYTES)
  const decipher = createDecipheriv(SPILL_CIPHER, key, nonce, { authTagLength: SPILL_TAG_BYTES }).setAAD(place)
  decipher.setAuthTag(sealed.subarray(-SPILL_TAG_BYTES))
  try {
    const body = decipher.update(sealed.subarray(SPILL_NONCE_BYTES, -SPILL_TAG_BYTES))
    return Buffer.concat([body, decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}
