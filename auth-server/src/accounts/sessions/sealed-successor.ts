import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { openWith, sealWith } from '../../tokens/keys/key-ring.ts'

const PURPOSE = 'sallyport refresh token successor'
/** HKDF-Expand counts its blocks; a key of 32 bytes is the first one. */
const FIRST_BLOCK = Buffer.concat([Buffer.from(PURPOSE), Buffer.of(1)])

/**
 * Only who holds the predecessor can derive this key; the database has its hash alone. A refresh token is 256 random
 * bits, so HKDF's step of extraction is left out.
 * @see RFC 5869 §2.3, §3.3
 */
function keyOf(predecessor: string): KeyObject {
  return createSecretKey(
    createHmac('sha256', createSecretKey(Buffer.from(predecessor)))
      .update(FIRST_BLOCK)
      .digest()
  )
}

/** Seals a successor so that its predecessor, and nothing else, opens it. */
export const sealSuccessor = (predecessor: string, successor: string): Buffer =>
  sealWith(keyOf(predecessor), PURPOSE, Buffer.from(successor))

/** The successor, byte for byte as it was first given out. */
export const openSuccessor = (predecessor: string, sealed: Buffer): string =>
  openWith(keyOf(predecessor), PURPOSE, sealed).toString()
