import { deflateSync } from 'node:zlib'

/** Where the status lists are, below the issuer. */
export const STATUS_LIST_PATH = '/status-lists/'

/** The revocations of an issuer, one bit for each token. */
export interface StatusBits {
  /** The index of the next token. */
  readonly next: () => number
  /** Revokes what a `status` claim refers to; nothing when it refers to nothing here. */
  readonly set: (status: unknown) => void
  /** `lst`: the bits, compressed, in base64url. @see draft-ietf-oauth-status-list §4.1 */
  readonly packed: () => string
}

const ROOM_BYTES = 16

export function createStatusBits(): StatusBits {
  const revoked = new Set<number>()
  let used = 0
  return {
    next: () => used++,
    set: status => {
      const index = indexIn(status)
      if (index !== null) revoked.add(index)
    },
    packed: () => {
      const bits = Buffer.alloc(Math.ceil(used / 8) + ROOM_BYTES)
      for (const index of revoked) bits.writeUInt8(bits.readUInt8(index >> 3) | (1 << (index & 7)), index >> 3)
      return deflateSync(bits).toString('base64url')
    }
  }
}

function indexIn(status: unknown): number | null {
  if (typeof status !== 'object' || status === null || !('status_list' in status)) return null
  const list = status.status_list
  if (typeof list !== 'object' || list === null || !('idx' in list)) return null
  return typeof list.idx === 'number' ? list.idx : null
}
