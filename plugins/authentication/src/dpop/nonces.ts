import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'

/** Nonces that every instance with the same keys recognises, without a store. */
export interface DpopNonces {
  /** A nonce to answer with. */
  readonly current: () => string
  /** Whether a nonce is one of ours and not too old. */
  readonly isFresh: (nonce: string | null) => boolean
}

/** What nonces are made with. */
export interface DpopNonceOptions {
  /** HMAC keys, the newest first: it makes, all of them recognise. 32 random bytes each. */
  readonly keys: readonly Buffer[]
  /** How long a nonce is good, in seconds. Default 300. */
  readonly lifetimeSeconds?: number
  /** The time in ms since 1970. Default `Date.now`. */
  readonly clock?: () => number
}

const TIME_BYTES = 6
const TAG_BYTES = 16
/** Instances' clocks may differ by this. */
const CLOCK_TOLERANCE_MS = 5000

/**
 * Makes nonces: the time, and an HMAC of it. They limit how long ahead a proof can have been made; that one is used
 * once is what `jti` is for.
 * @throws {RangeError} without a key
 * @see RFC 9449 §8
 */
export function createDpopNonces({ keys, lifetimeSeconds = 300, clock = Date.now }: DpopNonceOptions): DpopNonces {
  const macKeys = keys.map(key => createSecretKey(key))
  const [newest] = macKeys
  if (newest === undefined) throw new RangeError('nonces need a key')
  return {
    current: () => {
      const time = Buffer.alloc(TIME_BYTES)
      time.writeUIntBE(clock(), 0, TIME_BYTES)
      return Buffer.concat([time, tagOf(newest, time)]).toString('base64url')
    },
    isFresh: nonce => {
      const bytes = Buffer.from(nonce ?? '', 'base64url')
      if (bytes.length !== TIME_BYTES + TAG_BYTES) return false
      const time = bytes.subarray(0, TIME_BYTES)
      const isOurs = macKeys.some(key => timingSafeEqual(tagOf(key, time), bytes.subarray(TIME_BYTES)))
      const ageMs = clock() - time.readUIntBE(0, TIME_BYTES)
      return isOurs && ageMs >= -CLOCK_TOLERANCE_MS && ageMs < lifetimeSeconds * 1000
    }
  }
}

function tagOf(key: KeyObject, time: Buffer): Buffer {
  return createHmac('sha256', key).update('dpop-nonce').update(time).digest().subarray(0, TAG_BYTES)
}
