import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { canonicalJson, isJsonObject, parseJsonObject, type RingKey } from '@sallyport/security-context/mechanics'
import type { TrailPerson } from './trail-person.ts'

/** A person that was erased, as it is remembered outside the database. */
export interface KeptErasure extends TrailPerson {
  /** Ids of the keys that were destroyed. */
  readonly keys: readonly string[]
  /** ISO 8601, UTC. */
  readonly at: string
}

/** Of persons of the trail's own issuer. */
const ERASURE_FORM = 'sallyport-audit-erasure 1'
/** With an issuer: a release that does not know it must not take the person for one of the own issuer. */
const ISSUER_ERASURE_FORM = 'sallyport-audit-erasure 2'

/**
 * Adds a line to the list of erasures, and resolves when it is on the disk. A restored backup has the keys of persons
 * that were erased since; the list says which.
 * @param ring the newest key authenticates the line, so that nobody has persons erased by a restore; empty: nothing
 * does
 */
export async function keepErasure(path: string, erasure: KeptErasure, ring: readonly RingKey[]): Promise<void> {
  const said = erasureLine(erasure)
  const [newest] = ring
  const mac = newest === undefined ? null : `${newest.id}:${lineMac(newest, said).toString('hex')}`
  const file = await open(path, 'a', 0o600)
  try {
    await file.appendFile(`${JSON.stringify({ ...said, mac })}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
}

/**
 * The erasures of a list, oldest first; none where there is no file.
 * @throws Error naming the first line that is not as it was written, or whose key is not in the ring
 */
export async function readKeptErasures(path: string, ring: readonly RingKey[]): Promise<KeptErasure[]> {
  if (!existsSync(path)) return []
  const lines = (await readFile(path, 'utf8')).split('\n')
  // Without its end a line was not acknowledged.
  lines.pop()
  return lines.map((line, index) => {
    const erasure = parseErasure(line, ring)
    if (erasure === null) throw new Error(`line ${index + 1} of the list of erasures is not what was written there`)
    return erasure
  })
}

type ErasureLine = Omit<KeptErasure, 'issuer'> & { readonly form: string; readonly issuer?: string }

/** What a line says, beside its authentication. */
function erasureLine({ subject, issuer, keys, at }: KeptErasure): ErasureLine {
  return issuer === null
    ? { form: ERASURE_FORM, subject, keys, at }
    : { form: ISSUER_ERASURE_FORM, issuer, subject, keys, at }
}

function parseErasure(line: string, ring: readonly RingKey[]): KeptErasure | null {
  const value = parseJsonObject(line)
  if (!isJsonObject(value)) return null
  const { form, subject, issuer = null, keys, at, mac } = value
  const isWhole = typeof subject === 'string' && typeof at === 'string' && Array.isArray(keys)
  if (!isWhole || !keys.every(id => typeof id === 'string') || Number.isNaN(Date.parse(at))) return null
  if (issuer !== null && typeof issuer !== 'string') return null
  const erasure = { subject, issuer, keys, at }
  const said = erasureLine(erasure)
  return form === said.form && isAuthentic(said, mac, ring) ? erasure : null
}

function isAuthentic(said: ErasureLine, mac: unknown, ring: readonly RingKey[]): boolean {
  if (ring.length === 0) return mac === null || typeof mac === 'string'
  const [id, hex = ''] = typeof mac === 'string' ? mac.split(':') : []
  const key = ring.find(each => each.id === id)
  const given = Buffer.from(hex, 'hex')
  return key !== undefined && given.length === 32 && timingSafeEqual(given, lineMac(key, said))
}

function lineMac({ key }: RingKey, said: ErasureLine): Buffer {
  const secret = Buffer.from(hkdfSync('sha256', key, '', 'sallyport audit erasures', 32))
  return createHmac('sha256', secret)
    .update(canonicalJson({ ...said, keys: [...said.keys] }))
    .digest()
}
