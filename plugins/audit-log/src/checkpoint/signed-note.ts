import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'

/** Signs checkpoints: an Ed25519 key with the name of the log. */
export interface CheckpointSigner {
  /** Without spaces and plus signs; the origin of the checkpoints. */
  readonly name: string
  readonly privateKey: KeyObject
}

/** Knows one key that may have signed. */
export interface CheckpointVerifier {
  readonly name: string
  /** First four bytes of the key's hash, as a number. */
  readonly keyId: number
  readonly publicKey: KeyObject
}

const ED25519 = 1
const KEY_BYTES = 32
const NOTE_SIGNATURE = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})$/
/** More are more than anybody signs with. */
const MAX_SIGNATURES = 64
/** DER before the 32 bytes of an Ed25519 key. @see RFC 8410 §4, §7 */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Whether a log may have this name. @see C2SP signed-note */
export function isNoteName(name: string): boolean {
  return /^[^\p{Z}\p{Cc}+]{1,256}$/u.test(name)
}

/**
 * The signer of a name and 32 secret bytes; the same bytes always make the same key.
 * @see RFC 8032 §5.1.5
 */
export function checkpointSigner(name: string, seed: Uint8Array): CheckpointSigner {
  if (!isNoteName(name) || seed.length !== KEY_BYTES) throw new TypeError('not a name and a seed of 32 bytes')
  const key = Buffer.concat([PKCS8_HEAD, seed])
  return { name, privateKey: createPrivateKey({ key, format: 'der', type: 'pkcs8' }) }
}

/** What verifies the signatures of a signer. */
export function checkpointVerifier({ name, privateKey }: CheckpointSigner): CheckpointVerifier {
  return verifierOfKey(name, rawPublicKey(createPublicKey(privateKey)))
}

/** The text of a verifier, `<name>+<key id>+<base64 of the key>`: may be given to anybody. */
export function verifierText({ name, keyId, publicKey }: CheckpointVerifier): string {
  const key = Buffer.concat([Buffer.of(ED25519), rawPublicKey(publicKey)])
  return `${name}+${keyId.toString(16).padStart(8, '0')}+${key.toString('base64')}`
}

/** Reads {@link verifierText}; `null` for any other text. */
export function parseVerifier(text: string): CheckpointVerifier | null {
  const [, name, id, encoded] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text) ?? []
  if (name === undefined || id === undefined || encoded === undefined || !isNoteName(name)) return null
  const key = Buffer.from(encoded, 'base64')
  if (key.length !== KEY_BYTES + 1 || key[0] !== ED25519 || key.toString('base64') !== encoded) return null
  const verifier = verifierOfKey(name, key.subarray(1))
  return verifier.keyId === Number.parseInt(id, 16) ? verifier : null
}

function verifierOfKey(name: string, key: Buffer): CheckpointVerifier {
  const keyId = createHash('sha256').update(`${name}\n`).update(Buffer.of(ED25519)).update(key).digest().readUInt32BE()
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_HEAD, key]), format: 'der', type: 'spki' })
  return { name, keyId, publicKey }
}

function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length)
}

/**
 * A note: text with signatures.
 * @param text ends with a newline
 * @param signers one line each: during a rotation the old key signs too
 * @see https://c2sp.org/signed-note
 */
export function signNote(text: string, signers: readonly CheckpointSigner[]): string {
  const lines = signers.map(signer => {
    const id = Buffer.alloc(4)
    id.writeUInt32BE(checkpointVerifier(signer).keyId)
    const signature = Buffer.concat([id, sign(null, Buffer.from(text), signer.privateKey)])
    return `\u2014 ${signer.name} ${signature.toString('base64')}\n`
  })
  return `${text}\n${lines.join('')}`
}

/**
 * The text of a note that one of the keys signed. Signatures of other keys are ignored; a wrong one of a known key
 * makes the whole note worth nothing.
 * @returns `null` when nobody known signed it
 * @see https://c2sp.org/signed-note
 */
export function openNote(note: string, verifiers: readonly CheckpointVerifier[]): string | null {
  const end = note.lastIndexOf('\n\n')
  if (end < 0 || !note.endsWith('\n') || /[^\P{Cc}\n]/u.test(note) || !note.isWellFormed()) return null
  const text = note.slice(0, end + 1)
  const lines = note.slice(end + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) return null
  let isSigned = false
  for (const line of lines) {
    const verdict = checkSignature(text, line, verifiers)
    if (verdict === 'wrong') return null
    isSigned ||= verdict === 'right'
  }
  return isSigned ? text : null
}

function checkSignature(
  text: string,
  line: string,
  verifiers: readonly CheckpointVerifier[]
): 'right' | 'wrong' | 'unknown' {
  const [, name, encoded] = NOTE_SIGNATURE.exec(line) ?? []
  if (name === undefined || encoded === undefined) return 'wrong'
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.length < 5) return 'wrong'
  const known = verifiers.find(each => each.name === name && each.keyId === bytes.readUInt32BE())
  if (known === undefined) return 'unknown'
  return verify(null, Buffer.from(text), known.publicKey, bytes.subarray(4)) ? 'right' : 'wrong'
}
