import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { normaliseUsername, readKeyRing } from '@sallyport/security-context/mechanics'

/** A key under which the account names that were tried are hashed. */
export interface NameKey {
  /** Part of the hash, and says which hashes can be compared: 1 to 64 characters of `A-Za-z0-9._-`. */
  readonly id: string
  /** 32 bytes at least. */
  readonly key: Uint8Array
}

/** Hashes an account name as it was tried. */
export type HashName = (name: string) => string

/** Id of a random key of this process: its hashes can be compared only with each other. */
export const PROCESS_KEY_ID = 'process'

/**
 * Hashes names that are not an account. Hashes under one key can be joined, but without the key nobody can try a
 * dictionary of names (or of the passwords that people type into that field). All spellings of a name have one hash.
 * @param nameKey left out: a random key of this process
 * @returns `hmac-sha256:<key id>:<hexadecimal>`
 */
export function createHashName(nameKey?: NameKey): HashName {
  const { id, key } = nameKey ?? { id: PROCESS_KEY_ID, key: randomBytes(32) }
  const secret = createSecretKey(key)
  return name => `hmac-sha256:${id}:${createHmac('sha256', secret).update(normaliseUsername(name)).digest('hex')}`
}

/**
 * Reads a key from the text of a secret file: a key ring of one, `id:base64url` of 32 bytes.
 * @returns `null` for any other text, and for the id of random keys
 */
export function parseNameKey(text: string): NameKey | null {
  const { keys, mistakes } = readKeyRing(text, 'name key')
  const [nameKey, ...others] = keys
  if (nameKey === undefined || others.length > 0 || mistakes.length > 0) return null
  return isNameKeyId(nameKey.id) && isNameKeyBytes(nameKey.key) ? nameKey : null
}

/** Whether a key may have this id, which must not be that of random keys. */
export function isNameKeyId(id: unknown): boolean {
  return typeof id === 'string' && /^[\w.-]{1,64}$/.test(id) && id !== PROCESS_KEY_ID
}

/** Whether a key has enough bytes. */
export function isNameKeyBytes(key: unknown): boolean {
  return key instanceof Uint8Array && key.byteLength >= 32
}
