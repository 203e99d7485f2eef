import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import {
  canonicalJson,
  isJsonObject,
  ownMember,
  parseJsonObject,
  type Random,
  type RingKey
} from '@sallyport/security-context/mechanics'
import { SnapshotError } from '../errors.ts'
import type { DocumentName, ServerDocument } from './server-document.ts'

/** A file that keeps the last good document, encrypted. */
export interface SnapshotFile {
  readonly path: string
  /** Newest first: the first one encrypts, each one decrypts what carries its id. */
  readonly keys: readonly RingKey[]
  readonly name: DocumentName
  readonly random?: Random
}

const SNAPSHOT_CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16
const MAX_SNAPSHOT_BYTES = 2_097_152

/**
 * Keeps a document for a start without the server. The file is replaced in one step, and only its owner can read it.
 * @throws {SnapshotError} `SALLYPORT_CONFIGURATION_SNAPSHOT_INVALID` without a key; errors of the file system
 * @see NIST SP 800-38D (AES-GCM: a random nonce of 96 bits)
 */
export function writeSettingsSnapshot(
  { path, keys, name, random = randomBytes }: SnapshotFile,
  document: ServerDocument
): void {
  const [key] = keys
  if (key === undefined) throw new SnapshotError('has no key')
  const nonce = random(IV_BYTES)
  const cipher = createCipheriv(SNAPSHOT_CIPHER, key.key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(boundTo(name, key.id))
  const sealed = Buffer.concat([cipher.update(JSON.stringify(document), 'utf8'), cipher.final(), cipher.getAuthTag()])
  const content = { keyId: key.id, nonce: nonce.toString('base64url'), sealed: sealed.toString('base64url') }
  const draft = `${path}.${process.pid}.new`
  writeFileSync(draft, JSON.stringify(content), { mode: 0o600 })
  renameSync(draft, path)
}

/**
 * Reads what {@link writeSettingsSnapshot} kept.
 * @returns `null` when there is no file yet
 * @throws {SnapshotError} `SALLYPORT_CONFIGURATION_SNAPSHOT_INVALID` for a file that was cut or changed, of an unknown
 *   key, or of another application, profile or label
 */
export function readSettingsSnapshot({ path, keys, name }: SnapshotFile): ServerDocument | null {
  let text: Buffer
  try {
    text = readFileSync(path)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw Object.assign(new SnapshotError('cannot be read'), { cause })
  }
  const file = text.length > MAX_SNAPSHOT_BYTES ? null : parseJsonObject(text)
  const [keyId, nonce, sealed] = ['keyId', 'nonce', 'sealed'].map(member => ownMember(file ?? {}, member))
  if (typeof keyId !== 'string' || typeof nonce !== 'string' || typeof sealed !== 'string') {
    throw new SnapshotError('is no snapshot, or was cut')
  }
  const key = keys.find(({ id }) => id === keyId)
  if (key === undefined) throw new SnapshotError('was written with a key that is not in configurationSnapshotKeys')
  return documentIn(
    opened(key, boundTo(name, keyId), Buffer.from(nonce, 'base64url'), Buffer.from(sealed, 'base64url'))
  )
}

function opened({ key }: RingKey, bound: Buffer, nonce: Buffer, sealed: Buffer): string {
  try {
    if (nonce.length !== IV_BYTES || sealed.length < TAG_BYTES) throw new RangeError('too short')
    const decipher = createDecipheriv(SNAPSHOT_CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(bound)
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]).toString('utf8')
  } catch (cause) {
    const reason = 'was changed, or belongs to another key, application, profile or label'
    throw Object.assign(new SnapshotError(reason), { cause })
  }
}

function documentIn(text: string): ServerDocument {
  const document = parseJsonObject(text) ?? {}
  const version = ownMember(document, 'version')
  const values = ownMember(document, 'values')
  if (!isJsonObject(values)) throw new SnapshotError('holds no document')
  return { version: typeof version === 'string' ? version : null, values }
}

/** What a file is bound to: one of another application or stage is refused like a changed one. */
function boundTo({ application, profile, label }: DocumentName, keyId: string): Buffer {
  return Buffer.from(canonicalJson({ purpose: 'configuration-snapshot/1', application, profile, label, keyId }))
}
