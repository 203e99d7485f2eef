import { createHmac, createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto'
import { normaliseUsername, readKeyRing, type RingKey } from '@sallyport/security-context/mechanics'

/** A key under which values are hashed that must be comparable, and never readable. */
export interface JoinKey {
  /** Part of the hash, and says which hashes can be compared: 1 to 64 characters of `A-Za-z0-9._-`. */
  readonly id: string
  /** 32 bytes at least. */
  readonly key: Uint8Array
}

/** What rows can be searched by although no row has it in clear. */
export type LookedUp = 'nameTried' | 'sourceAddress'

/** Hashes values under a ring of keys: the newest one hashes, and a search asks for the hashes of all of them. */
export interface JoinHash {
  /** Hash of an account name as it was tried; all spellings have one. */
  readonly hashName: (name: string) => string
  /** Every hash that the name may have in a row, the newest first. */
  readonly nameHashes: (name: string) => readonly string[]
  /** Hash of a value of a joinable field. */
  readonly hashValue: (value: string) => string
  /** Under which the keys are found that sealed this value; empty without keys that outlive the process. */
  readonly lookups: (field: LookedUp, value: string) => readonly string[]
}

/** Id of a random key of this process: its hashes can be compared only with each other. */
export const PROCESS_KEY_ID = 'process'

/**
 * Makes the hashes. Hashes under one key can be joined, but without the key nobody can try a dictionary of names (or of
 * the passwords that people type into that field).
 * @param ring the newest first; empty: a random key of this process, and nothing to look up by
 */
export function createJoinHash(ring: readonly JoinKey[] = []): JoinHash {
  const given = ring.length > 0 ? ring : [{ id: PROCESS_KEY_ID, key: randomBytes(32) }]
  const names = given.map(({ id, key }) => ({ id, secret: createSecretKey(key) }))
  // Each use has a key of its own, so that a hash of one says nothing in another.
  const [values, addresses, accounts] = ['value', 'address', 'account'].map(use =>
    given.map(({ id, key }) => ({ id, secret: createSecretKey(derivedJoinKey(key, use)) }))
  )
  return {
    hashName: name => hashesUnder(names, normaliseUsername(name))[0] ?? '',
    nameHashes: name => hashesUnder(names, normaliseUsername(name)),
    hashValue: value => hashesUnder(values, value)[0] ?? '',
    lookups: (field, value) => {
      if (ring.length === 0) return []
      return field === 'nameTried' ? hashesUnder(accounts, normaliseUsername(value)) : hashesUnder(addresses, value)
    }
  }
}

interface JoinSecret {
  readonly id: string
  readonly secret: KeyObject
}

function hashesUnder(secrets: readonly JoinSecret[] = [], text: string): string[] {
  return secrets.map(({ id, secret }) => `hmac-sha256:${id}:${createHmac('sha256', secret).update(text).digest('hex')}`)
}

/** HKDF: a key for one use. */
function derivedJoinKey(key: Uint8Array, use: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', `sallyport audit ${use}`, 32))
}

/**
 * Reads a ring from the text of a secret file: `id:base64url` of 32 bytes each, the newest first.
 * @returns `null` for any other text, and where a key has the id of random keys
 */
export function parseJoinKeys(text: string): readonly RingKey[] | null {
  const { keys, mistakes } = readKeyRing(text, 'name key')
  return mistakes.length > 0 || keys.some(({ id }) => !isJoinKeyId(id)) ? null : keys
}

/** Whether a key may have this id, which must not be that of random keys. */
export function isJoinKeyId(id: unknown): boolean {
  return typeof id === 'string' && /^[\w.-]{1,64}$/.test(id) && id !== PROCESS_KEY_ID
}

/** Whether a key has enough bytes. */
export function isJoinKeyBytes(key: unknown): boolean {
  return key instanceof Uint8Array && key.byteLength >= 32
}

/** Whether a name is kept as its hash only. */
export function isKeyedHash(name: string): boolean {
  return /^hmac-sha256:[\w.-]{1,64}:[0-9a-f]{64}$/.test(name)
}
