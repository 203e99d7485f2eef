/** One entry of a key ring. */
export interface RingKey {
  /** 1 to 32 letters, digits or `-`: fits into cookies, hashes and file names as it is. */
  readonly id: string
  readonly key: Buffer
}

/** A key ring as its text gives it: usable when there are no mistakes. */
export interface KeyRingText {
  /** Newest first. */
  readonly keys: readonly RingKey[]
  /** One phrase each, naming the place of an entry and never what is in it. */
  readonly mistakes: readonly string[]
}

/** How a secret is written: 32 bytes in base64url, or text of 32 characters or more that is taken as UTF-8. */
export type RingSecret = 'base64url' | 'text'

const ENTRY = /^([A-Za-z0-9-]{1,32}):(\S+)$/
const RING_KEY_BYTES = 32
const EXPECTED: Readonly<Record<RingSecret, string>> = {
  base64url: `id:base64url of ${RING_KEY_BYTES} bytes`,
  text: `id:secret with ${RING_KEY_BYTES} characters or more`
}

/**
 * Reads a key ring as a secret file has it: `id:secret id:secret …`, newest first, separated by white space. Ids are
 * distinct. A key has one spelling (no padding, no stray bits), and one that repeats a single byte is no key.
 * @param name what a mistake calls an entry, for example `sealing key`
 * @see RFC 4648 §5
 */
export function readKeyRing(text: string, name: string, secret: RingSecret = 'base64url'): KeyRingText {
  const keys = new Map<string, RingKey>()
  const mistakes: string[] = []
  const entries = text.split(/\s+/).filter(entry => entry !== '')
  for (const [position, entry] of entries.entries()) {
    const [, id, written] = ENTRY.exec(entry) ?? []
    const key = written === undefined ? null : readSecret(written, secret)
    const place = `${name} ${position + 1}`
    if (id === undefined || key === null) mistakes.push(`${place} is not ${EXPECTED[secret]}`)
    else if (keys.has(id)) mistakes.push(`${place} has the id of another`)
    else if (key.every(byte => byte === key[0])) mistakes.push(`${place} is not random`)
    else keys.set(id, { id, key })
  }
  if (entries.length === 0) mistakes.push(`there are no ${name}s`)
  return { keys: [...keys.values()], mistakes }
}

function readSecret(written: string, secret: RingSecret): Buffer | null {
  if (secret === 'text') return written.length < RING_KEY_BYTES ? null : Buffer.from(written)
  const key = Buffer.from(written, 'base64url')
  return key.length === RING_KEY_BYTES && key.toString('base64url') === written ? key : null
}
