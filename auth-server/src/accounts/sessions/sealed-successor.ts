import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { unsealWith, sealWith } from '../../tokens/keys/sealing-key-ring.ts'

const SUCCESSOR_PURPOSE = 'sallyport refresh token successor'
/** HKDF-Expand numbers its blocks; a key of 32 bytes is the first one. */
const FIRST_BLOCK = Buffer.concat([Buffer.from(SUCCESSOR_PURPOSE), Buffer.of(1)])

/**
 * Only the holder of the predecessor can derive this key: the database has no more than its hash. A refresh token is
 * 256 random bits, so HKDF's extraction step is left out.
 * @see RFC 5869 §2.3, §3.3
 */
function successorKey(predecessor: string): KeyObject {
  return createSecretKey(
    createHmac('sha256', createSecretKey(Buffer.from(predecessor)))
      .update(FIRST_BLOCK)
      .digest()
  )
}

/** Seals a successor so that only its predecessor can unseal it. */
export const sealSuccessor = (predecessor: string, successor: string): Buffer =>
  sealWith(successorKey(predecessor), SUCCESSOR_PURPOSE, Buffer.from(successor))

/** The successor, byte for byte as it was first given out. */
export const unsealSuccessor = (predecessor: string, sealed: Buffer): string =>
  unsealWith(successorKey(predecessor), SUCCESSOR_PURPOSE, sealed).toString()
