import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import {
  canonicalJson,
  oncePerValue,
  parseJson,
  readKeyRing,
  type JsonValue
} from '@sallyport/security-context/mechanics'
import { SealingKeysError, SecretUnreadableError } from '../errors.ts'
import type { ConfigurationKey } from '../configurations/configuration-names.ts'

/** Where a secret belongs: it can be decrypted there and nowhere else. */
export interface SecretPlace extends ConfigurationKey {
  readonly name: string
}

/** A secret as it is kept. */
export interface SealedSecret {
  readonly keyId: string
  /** Nonce, tag, ciphertext. */
  readonly sealed: Buffer
}

/** Encrypts secrets at rest: the newest key encrypts, every key of the ring decrypts. */
export interface SecretRing {
  readonly newestKeyId: string
  readonly keyIds: readonly string[]
  readonly sealSecret: (place: SecretPlace, value: JsonValue) => SealedSecret
  /** @throws `SALLYPORT_CONFIGSERVER_SECRET_UNREADABLE` */
  readonly openSecret: (place: SecretPlace, secret: SealedSecret) => JsonValue
}

const SECRET_CIPHER = 'aes-256-gcm'
/** 96 bits, random. @see NIST SP 800-38D §8.2.2 */
const SECRET_NONCE_BYTES = 12
const SECRET_TAG_BYTES = 16

/**
 * The ring of the setting `sealingKeys`.
 * @throws `SALLYPORT_CONFIGSERVER_KEYS_INVALID`, naming every mistake and no key
 */
export function parseSecretRing(text: string): SecretRing {
  const { keys, mistakes } = readKeyRing(text, 'sealing key')
  const [newest] = keys
  if (newest === undefined || mistakes.length > 0) throw new SealingKeysError(mistakes.join('; '))
  const ring = new Map(keys.map(({ id, key }) => [id, createSecretKey(key)]))
  const newestKey = createSecretKey(newest.key)
  return {
    newestKeyId: newest.id,
    keyIds: keys.map(({ id }) => id),
    sealSecret: (place, value) => ({
      keyId: newest.id,
      sealed: encrypt(newestKey, boundToPlace(place, newest.id), canonicalJson(value))
    }),
    openSecret: (place, { keyId, sealed }) => {
      const key = ring.get(keyId)
      if (key === undefined) throw new SecretUnreadableError({ cause: new Error(`the ring has no key ${keyId}`) })
      return parseSecret(decrypt(key, boundToPlace(place, keyId), sealed))
    }
  }
}

/** The ring that is always that of the settings of the moment. */
export function liveSecretRing(sealingKeys: () => string): SecretRing {
  const ring = oncePerValue(sealingKeys, parseSecretRing)
  // A mistake is told at the start, and not at the first use.
  ring()
  return {
    get newestKeyId() {
      return ring().newestKeyId
    },
    get keyIds() {
      return ring().keyIds
    },
    sealSecret: (place, value) => ring().sealSecret(place, value),
    openSecret: (place, secret) => ring().openSecret(place, secret)
  }
}

/** Authenticated with the ciphertext: a secret that was moved to another row is none there. */
function boundToPlace({ application, profile, label, name }: SecretPlace, keyId: string): Buffer {
  return Buffer.from(canonicalJson(['sallyport configuration secret', application, profile, label, name, keyId]))
}

function encrypt(key: KeyObject, place: Buffer, text: string): Buffer {
  const nonce = randomBytes(SECRET_NONCE_BYTES)
  const cipher = createCipheriv(SECRET_CIPHER, key, nonce).setAAD(place)
  const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext])
}

function decrypt(key: KeyObject, place: Buffer, sealed: Buffer): string {
  const nonce = sealed.subarray(0, SECRET_NONCE_BYTES)
  const tag = sealed.subarray(SECRET_NONCE_BYTES, SECRET_NONCE_BYTES + SECRET_TAG_BYTES)
  try {
    const decipher = createDecipheriv(SECRET_CIPHER, key, nonce, { authTagLength: SECRET_TAG_BYTES })
    decipher.setAAD(place).setAuthTag(tag)
    const ciphertext = sealed.subarray(SECRET_NONCE_BYTES + SECRET_TAG_BYTES)
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8')
  } catch (cause) {
    throw new SecretUnreadableError({ cause })
  }
}

/** What was encrypted here is JSON, and was checked before. */
function parseSecret(text: string): JsonValue {
  return parseJson(text) as JsonValue
}
