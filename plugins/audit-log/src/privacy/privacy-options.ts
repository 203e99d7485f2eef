import { readKeyRing, type RingKey } from '@sallyport/security-context/mechanics'
import { customOption, listOf, optionsObject, Type } from '@sallyport/security-context/options'
import type { FieldClass } from './field-class.ts'
import { isJoinKeyBytes, isJoinKeyId, PROCESS_KEY_ID, type JoinKey } from './join-hash.ts'

/** A key that wraps the keys of persons. */
export interface PersonWrappingKey {
  /** 1 to 32 letters, digits or `-`. */
  readonly id: string
  /** 32 bytes. */
  readonly key: Uint8Array
}

/** What becomes of personal values. */
export interface TrailPrivacy {
  /**
   * Wrap the keys of persons in their table: the first one wraps, the others open what was wrapped before.
   * `parsePrivacyKeys` reads them. Left out: the keys stand in their table as they are, so whoever reads the database
   * reads everything.
   * @default []
   */
  readonly keys?: readonly PersonWrappingKey[]
  /**
   * Hash what must be comparable and not readable: the first one hashes, a search asks for the hashes under all of
   * them. Processes with the same key write hashes that can be compared; `parseJoinKeys` reads them. Left out: a random
   * key of this process, named `process`, and no search by name or address.
   * @default []
   */
  readonly joinKeys?: readonly JoinKey[]
  /**
   * Classes of members of `detail` by their names: `public`, `joinable`, `personal` or `secret`.
   * @default {}
   * @example { voucher: 'joinable', iban: 'personal' }
   */
  readonly fields?: Readonly<Record<string, FieldClass>>
  /**
   * How long after its day the key of rows without a subject is kept, in ms.
   * @default 7_776_000_000
   */
  readonly dayKeysKeptMs?: number
  /**
   * How long a key is used without a look at its table, in ms. For this time a process may go on sealing under a key
   * that was destroyed.
   * @default 300_000
   */
  readonly cacheMs?: number
  /**
   * How many keys are kept in memory.
   * @default 10_000
   */
  readonly maxCachedKeys?: number
}

export const joinKey = optionsObject({
  id: customOption<string>(`1 to 64 characters A-Za-z0-9._-, not ${PROCESS_KEY_ID}`, isJoinKeyId),
  key: customOption<Uint8Array>('32 bytes or more', isJoinKeyBytes)
})

export const personWrappingKey = optionsObject({
  id: customOption<string>(
    '1 to 32 letters, digits or -',
    value => typeof value === 'string' && /^[A-Za-z0-9-]{1,32}$/.test(value)
  ),
  key: customOption<Uint8Array>('32 bytes', value => value instanceof Uint8Array && value.byteLength === 32)
})

const FIELD_CLASSES: readonly unknown[] = ['public', 'joinable', 'personal', 'secret'] satisfies FieldClass[]

function areFieldClasses(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every(each => FIELD_CLASSES.includes(each))
}

export const trailPrivacy = optionsObject(
  {
    keys: listOf(personWrappingKey, { default: [] }),
    joinKeys: listOf(joinKey, { default: [] }),
    fields: customOption<Readonly<Record<string, FieldClass>>>(
      'an object of public, joinable, personal and secret',
      areFieldClasses,
      { default: {} }
    ),
    dayKeysKeptMs: Type.Integer({ minimum: 0, default: 7_776_000_000 }),
    cacheMs: Type.Integer({ minimum: 1, default: 300_000 }),
    maxCachedKeys: Type.Integer({ minimum: 1, default: 10_000 })
  },
  { default: {} }
)

/**
 * Reads the keys that wrap those of persons from the text of a secret file: a key ring, `id:base64url` of 32 bytes
 * each, the newest first.
 * @returns `null` for any other text
 */
export function parsePrivacyKeys(text: string): readonly RingKey[] | null {
  const { keys, mistakes } = readKeyRing(text, 'person wrapping key')
  return mistakes.length > 0 ? null : keys
}
