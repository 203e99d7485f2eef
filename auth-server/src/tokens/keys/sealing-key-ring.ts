import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto'
import { readKeyRing } from '@sallyport/security-context/mechanics'
import { InvalidSettingsError, UnsealError } from '../../errors.ts'

/** Seals values at rest; the newest key seals, every key of the ring unseals. */
export interface KeyRing {
  /**
   * AES-256-GCM under the newest key.
   * @param purpose what the value is for; it can be unsealed for the same purpose only
   */
  seal: (purpose: string, plaintext: Buffer) => Buffer
  /** @throws {UnsealError} `SALLYPORT_AUTH_SERVER_UNSEAL_FAILED` */
  unseal: (purpose: string, sealed: Buffer) => Buffer
  /** Keys for another use, one derived from each key of the ring, newest first. @see RFC 5869 */
  derive: (purpose: string) => readonly Buffer[]
  /** Whether the value was sealed under an older key and should be sealed again. */
  isOutdated: (sealed: Buffer) => boolean
}

const CIPHER = 'aes-256-gcm'
const SEAL_KEY_BYTES = 32
const SEAL_NONCE_BYTES = 12
const SEAL_TAG_BYTES = 16

/**
 * A key ring from its text form, as `readKeyRing` takes it: newest first, a key is 32 bytes in base64url.
 * @throws {InvalidSettingsError} naming every entry that is not valid, never its key
 */
export function parseKeyRing(text: string): KeyRing {
  const { keys, mistakes } = readKeyRing(text, 'sealing key')
  if (mistakes.length > 0) throw new InvalidSettingsError(mistakes.join('; '))
  return keyRing(new Map(keys.map(({ id, key }) => [id, createSecretKey(key)])))
}

function keyRing(keys: ReadonlyMap<string, KeyObject>): KeyRing {
  const [newest] = keys
  if (newest === undefined) throw new InvalidSettingsError('there are no sealing keys')
  const [newestId, newestKey] = newest
  return {
    seal: (purpose, plaintext) => {
      const id = Buffer.from(newestId)
      return Buffer.concat([Buffer.of(id.length), id, sealWith(newestKey, purpose, plaintext)])
    },
    unseal: (purpose, sealed) => {
      const key = keys.get(sealingKeyId(sealed))
      if (key === undefined) throw new UnsealError()
      return unsealWith(key, purpose, sealed.subarray(1 + sealed.readUInt8(0)))
    },
    derive: purpose => [...keys.values()].map(key => Buffer.from(hkdfSync('sha256', key, '', purpose, SEAL_KEY_BYTES))),
    isOutdated: sealed => sealingKeyId(sealed) !== newestId
  }
}

function sealingKeyId(sealed: Buffer): string {
  return sealed.length === 0 ? '' : sealed.subarray(1, 1 + sealed.readUInt8(0)).toString()
}

/**
 * AES-256-GCM with a random nonce: nonce, tag, ciphertext.
 * @param key 32 bytes; a key object, since Node 24 takes 10 µs longer for a key that comes as bytes
 * @param purpose authenticated with the ciphertext
 */
export function sealWith(key: KeyObject, purpose: string, plaintext: Buffer): Buffer {
  const nonce = randomBytes(SEAL_NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(purpose))
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext])
}

/**
 * The inverse of {@link sealWith}.
 * @throws {UnsealError} `SALLYPORT_AUTH_SERVER_UNSEAL_FAILED` for another key, another purpose or a changed value
 */
export function unsealWith(key: KeyObject, purpose: string, sealed: Buffer): Buffer {
  try {
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, SEAL_NONCE_BYTES), {
      authTagLength: SEAL_TAG_BYTES
    })
      .setAAD(Buffer.from(purpose))
      .setAuthTag(sealed.subarray(SEAL_NONCE_BYTES, SEAL_NONCE_BYTES + SEAL_TAG_BYTES))
    return Buffer.concat([decipher.update(sealed.subarray(SEAL_NONCE_BYTES + SEAL_TAG_BYTES)), decipher.final()])
  } catch (cause) {
    throw Object.assign(new UnsealError(), { cause })
  }
}
