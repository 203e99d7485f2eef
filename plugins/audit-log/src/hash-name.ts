import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { normaliseUsername, readKeyRing } from '@sallyport/security-context/mechanics'

/** A key under which the account names that were tried are hashed. */
export interface NameKey {
  /** Stands in the hash, so that it is known which hashes can be compared: 1 to 64 characters of `A-Za-z0-9._-`. */
  readonly id: string
  /** 32 bytes at least. */
  readonly key: Uint8Array
}

/** Hashes an account name as it was tried. */
export type HashName = (name: string) => string

/** Id of a key that this process made for itself: its hashes can be compared with each other only. */
export const PROCESS_KEY_ID = 'process'

/**
 * Makes the hash of names that are no account: joinable under one key, but no dictionary of names (or of the passwords
 * that people type into that field) can be tried on it without the key. Every spelling of a name has one hash.
 * @param nameKey left out: a random key of this process
 * @returns `hmac-sha256:<key id>:<hexadecimal>`
 */
export function createHashName(nameKey?: NameKey): HashName {
  const { id, key } = nameKey ?? { id: PROCESS_KEY_ID, key: randomBytes(32) }
  const secret = createSecretKey(key)
  return name => `hmac-sha256:${id}:${createHmac('sha256', secret).update(normaliseUsername(name)).digest('hex')}`
}

/**
 * Reads a key as a secret file has it: a key ring of one, `id:base64url` of 32 bytes.
 * @returns `null` when it is something else, or has the id of processes
 */
export function parseNameKey(text: string): NameKey | null {
  const { keys, mistakes } = readKeyRing(text, 'name key')
  const [nameKey, ...others] = keys
  if (nameKey === undefined || others.length > 0 || mistakes.length > 0) return null
  return isNameKeyId(nameKey.id) && isNameKeyBytes(nameKey.key) ? nameKey : null
}

/** Whether a name of a key can be taken: it is not the one of processes. */
export function isNameKeyId(id: unknown): boolean {
  return typeof id === 'string' && /^[\w.-]{1,64}$/.test(id) && id !== PROCESS_KEY_ID
}

/** Whether the bytes of a key are enough. */
export function isNameKeyBytes(key: unknown): boolean {
  return key instanceof Uint8Array && key.byteLength >= 32
}
