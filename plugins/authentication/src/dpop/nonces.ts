import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'
import { oncePerValue, type Clock } from '@sallyport/security-context/mechanics'
import { CLOCK_OPTION, customOption, optionsObject, readOptions, Type } from '@sallyport/security-context/options'
import { AuthenticationOptionsError } from '../errors.ts'

/** Nonces that every instance with the same keys recognises, without a store. */
export interface DpopNonces {
  /** A nonce to answer with. */
  readonly current: () => string
  /** Whether a nonce is one of ours and not too old. */
  readonly isFresh: (nonce: string | null) => boolean
}

/** What nonces are made with. */
export interface DpopNonceOptions {
  /**
   * HMAC keys, the newest first: it makes, all of them recognise. 32 random bytes each. A function where they change
   * while the process runs; it answers with another list for other keys.
   */
  readonly keys: readonly Buffer[] | (() => readonly Buffer[])
  /**
   * How long a nonce is good, in seconds.
   * @default 300
   */
  readonly lifetimeSeconds?: number
  /**
   * The time in ms since 1970.
   * @default Date.now
   */
  readonly clock?: Clock
}

export const dpopNonceOptions = optionsObject({
  keys: customOption<DpopNonceOptions['keys']>(
    'a list of buffers that is not empty, or a function',
    value =>
      typeof value === 'function' ||
      (Array.isArray(value) && value.length > 0 && value.every(key => Buffer.isBuffer(key)))
  ),
  lifetimeSeconds: Type.Number({ exclusiveMinimum: 0, default: 300 }),
  clock: CLOCK_OPTION
})

const TIME_BYTES = 6
const NONCE_TAG_BYTES = 16
/** Instances' clocks may differ by this. */
const NONCE_CLOCK_TOLERANCE_MS = 5000

/**
 * Makes nonces: the time, and an HMAC of it. They limit how long ahead a proof can have been made; that one is used
 * once is what `jti` is for.
 * @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming every mistake
 * @see RFC 9449 §8, §9: the same at a resource server
 */
export function createDpopNonces(given: DpopNonceOptions): DpopNonces {
  const options = readOptions({ schema: dpopNonceOptions, error: AuthenticationOptionsError }, given)
  const { keys, lifetimeSeconds, clock } = options
  const ring = oncePerValue(typeof keys === 'function' ? keys : () => keys, readMacKeys)
  ring()
  return {
    current: () => {
      const time = Buffer.alloc(TIME_BYTES)
      time.writeUIntBE(clock(), 0, TIME_BYTES)
      return Buffer.concat([time, tagOf(ring().newest, time)]).toString('base64url')
    },
    isFresh: nonce => {
      const bytes = Buffer.from(nonce ?? '', 'base64url')
      if (bytes.length !== TIME_BYTES + NONCE_TAG_BYTES) return false
      const time = bytes.subarray(0, TIME_BYTES)
      const isOurs = ring().all.some(key => timingSafeEqual(tagOf(key, time), bytes.subarray(TIME_BYTES)))
      const ageMs = clock() - time.readUIntBE(0, TIME_BYTES)
      return isOurs && ageMs >= -NONCE_CLOCK_TOLERANCE_MS && ageMs < lifetimeSeconds * 1000
    }
  }
}

function readMacKeys(keys: readonly Buffer[]): { readonly newest: KeyObject; readonly all: readonly KeyObject[] } {
  const all = keys.map(key => createSecretKey(key))
  const [newest] = all
  if (newest === undefined) throw new AuthenticationOptionsError('keys must be a list that is not empty')
  return { newest, all }
}

function tagOf(key: KeyObject, time: Buffer): Buffer {
  return createHmac('sha256', key).update('dpop-nonce').update(time).digest().subarray(0, NONCE_TAG_BYTES)
}
