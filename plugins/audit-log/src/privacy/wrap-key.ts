import { createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto'
import type { RingKey } from '@sallyport/security-context/mechanics'
import { openBytes, sealBytes } from '../seal-bytes.ts'

/** A key of a person or of a day, as the table has it. */
export interface StoredKey {
  readonly id: string
  /** Of the ring key that wraps it; `null`: it stands there as it is, because there was no ring. */
  readonly wrappedBy: string | null
  readonly wrapped: Buffer
}

/** A key of a person or of a day, to work with. */
export interface OpenKey {
  readonly id: string
  readonly secret: KeyObject
  /** For tags, which say nothing once the key is destroyed. */
  readonly tagSecret: KeyObject
}

const PERSON_KEY_BYTES = 32

/** A new key, and how it is stored. */
export function makeKey(id: string, ring: readonly RingKey[]): { readonly open: OpenKey; readonly stored: StoredKey } {
  const bytes = randomBytes(PERSON_KEY_BYTES)
  return { open: openedKey(id, bytes), stored: wrapKey(id, bytes, ring) }
}

/** Opens a stored key; `null` where no key of the ring does. */
export function openKey(stored: StoredKey, ring: readonly RingKey[]): OpenKey | null {
  const bytes = unwrapKey(stored, ring)
  return bytes === null ? null : openedKey(stored.id, bytes)
}

/** The same key under the newest key of the ring; `null` where it is already, or where no key opens it. */
export function wrapAgain(stored: StoredKey, ring: readonly RingKey[]): StoredKey | null {
  if (stored.wrappedBy === (ring[0]?.id ?? null)) return null
  const bytes = unwrapKey(stored, ring)
  return bytes === null ? null : wrapKey(stored.id, bytes, ring)
}

function openedKey(id: string, bytes: Buffer): OpenKey {
  const tagBytes = Buffer.from(hkdfSync('sha256', bytes, '', 'sallyport audit tag', PERSON_KEY_BYTES))
  return { id, secret: createSecretKey(bytes), tagSecret: createSecretKey(tagBytes) }
}

function wrapKey(id: string, bytes: Buffer, [newest]: readonly RingKey[]): StoredKey {
  if (newest === undefined) return { id, wrappedBy: null, wrapped: bytes }
  return { id, wrappedBy: newest.id, wrapped: sealBytes(newest.key, wrapPlace(id), bytes.toString('base64')) }
}

function unwrapKey({ id, wrappedBy, wrapped }: StoredKey, ring: readonly RingKey[]): Buffer | null {
  if (wrappedBy === null) return wrapped
  const wrapper = ring.find(key => key.id === wrappedBy)
  const text = wrapper === undefined ? null : openBytes(wrapper.key, wrapPlace(id), wrapped)
  return text === null ? null : Buffer.from(text, 'base64')
}

/** A wrapped key opens only in its own row. */
function wrapPlace(id: string): Buffer {
  return Buffer.from(`person key ${id}`)
}
