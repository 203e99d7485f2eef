import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { openWith, sealWith } from '../keys/key-ring.ts'

const PURPOSE = 'sallyport refresh token successor'

/** Only who holds the predecessor can derive this key; the database has its hash alone. */
const keyOf = (predecessor: string): KeyObject => createSecretKey(Buffer.from(hkdfSync('sha256', createSecretKey(Buffer.from(predecessor)), '', PURPOSE, 32)))

/** Seals a successor so that its predecessor, and nothing else, opens it. @see RFC 5869 */
export const sealSuccessor = (predecessor: string, successor: string): Buffer => sealWith(keyOf(predecessor), PURPOSE, Buffer.from(successor))

/** The successor, byte for byte as it was first given out. */
export const openSuccessor = (predecessor: string, sealed: Buffer): string => openWith(keyOf(predecessor), PURPOSE, sealed).toString()
