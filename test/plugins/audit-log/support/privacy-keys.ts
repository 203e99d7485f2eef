import { randomBytes } from 'node:crypto'

/** A ring that wraps the keys of persons. */
export const WRAPPING_KEYS = [{ id: 'w1', key: randomBytes(32) }]
/** A ring that hashes what is searched by. */
export const JOIN_KEYS = [{ id: 'j1', key: randomBytes(32) }]
/** The option `privacy` with both. */
export const PRIVACY = { keys: WRAPPING_KEYS, joinKeys: JOIN_KEYS }

/** A ring as its secret file has it. */
export function ringText(ring: ReadonlyArray<{ readonly id: string; readonly key: Uint8Array }>): string {
  return ring.map(({ id, key }) => `${id}:${Buffer.from(key).toString('base64url')}`).join(' ')
}
