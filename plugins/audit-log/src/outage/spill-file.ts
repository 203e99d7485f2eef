import { randomBytes } from 'node:crypto'
import { open, rename, stat, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { RingKey } from '@sallyport/security-context/mechanics'
import { openBytes, SEAL_OVERHEAD_BYTES, sealBytes } from '../seal-bytes.ts'
import { keyNamed, SPILL_KEY_ID_BYTES } from './spill-tally.ts'

const MAGIC = Buffer.from('SLYSPIL1')
const FILE_ID_BYTES = 16
const HEADER_BYTES = MAGIC.length + FILE_ID_BYTES + SPILL_KEY_ID_BYTES
const LENGTH_BYTES = 4
/** Longer than any row: a length beyond it is damage. */
const MAX_ENTRY_BYTES = 1 << 20
const READ_BYTES = 1 << 20

/** A place in the file, at the beginning of an entry. */
export interface SpillPlace {
  readonly offset: number
  readonly index: number
}

/** What {@link SpillFile.read} found. */
export interface SpillPage {
  readonly texts: readonly string[]
  /** Entries that do not open. */
  readonly unreadable: number
  readonly end: SpillPlace
}

/** Where the first entry is. */
export const SPILL_START: SpillPlace = { offset: HEADER_BYTES, index: 0 }

/** A file of sealed entries. Every method is called by one caller at a time. */
export interface SpillFile {
  /** No other file has it, and this one only until it is emptied. */
  readonly id: () => string
  readonly entries: () => number
  readonly bytes: () => number
  /** Whether the file at the path is still this one, as long as it was. */
  readonly isWhole: () => Promise<boolean>
  /** Adds entries that outlive the machine, or rejects and leaves the file as it was. */
  readonly append: (texts: readonly string[]) => Promise<void>
  /** The entries from a place on, up to about a megabyte and at least one; also when the file has been removed. */
  readonly read: (from: SpillPlace) => Promise<SpillPage>
  /** Removes all entries, and goes on under another id: an older copy of the file is not this one any more. */
  readonly empty: (nextId: string) => Promise<void>
  readonly close: () => Promise<void>
}

/** The sealed content of one entry: its length, so that the next one is found whatever is wrong with it. */
function spillEntry(key: RingKey, fileId: Buffer, index: number, text: string): Buffer {
  const sealed = sealBytes(key.key, entryPlace(fileId, index), text)
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32BE(sealed.length)
  return Buffer.concat([length, sealed])
}

function entryPlace(fileId: Buffer, index: number): Buffer {
  const place = Buffer.alloc(8)
  place.writeBigUInt64BE(BigInt(index))
  return Buffer.concat([MAGIC, fileId, place])
}

/** The id of a file that is about to be begun; hexadecimal. */
export function newSpillFileId(): string {
  return randomBytes(FILE_ID_BYTES).toString('hex')
}

/** What is in front of the entries. */
function spillHeader(key: RingKey, fileId: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(header)
  fileId.copy(header, MAGIC.length)
  header.write(key.id, MAGIC.length + FILE_ID_BYTES)
  return header
}

/** What a file is made of. */
export interface NewSpillFile {
  /** Seals everything that is written to it. */
  readonly key: RingKey
  readonly id: string
  readonly texts: readonly string[]
}

/** Makes a new file with these entries in the place of what is at the path. */
export async function createSpillFile(path: string, { key, id, texts }: NewSpillFile): Promise<SpillFile> {
  const fileId = Buffer.from(id, 'hex')
  const handle = await open(`${path}.new`, 'w+', 0o600)
  try {
    const content = Buffer.concat([
      spillHeader(key, fileId),
      ...texts.map((text, index) => spillEntry(key, fileId, index, text))
    ])
    await writeFully(handle, content, 0)
    await handle.datasync()
    await rename(`${path}.new`, path)
    await syncFolder(path)
    return spillFile(path, handle, { key, fileId, entries: texts.length, bytes: content.length })
  } catch (error) {
    await handle.close()
    throw error
  }
}

interface OpenSpill {
  readonly key: RingKey
  fileId: Buffer
  entries: number
  bytes: number
}

function spillFile(path: string, handle: FileHandle, state: OpenSpill): SpillFile {
  async function append(texts: readonly string[]): Promise<void> {
    const { key, fileId, entries, bytes } = state
    const added = Buffer.concat(texts.map((text, index) => spillEntry(key, fileId, entries + index, text)))
    try {
      await writeFully(handle, added, bytes)
      await handle.datasync()
    } catch (error) {
      // What was not written in full must not be in front of what is written later.
      await handle.truncate(bytes).catch(() => {})
      throw error
    }
    state.entries += texts.length
    state.bytes += added.length
  }

  async function isWhole(): Promise<boolean> {
    const own = await handle.stat()
    const there = await stat(path).catch(() => null)
    return own.size === state.bytes && there?.ino === own.ino && there.dev === own.dev
  }

  /** Whatever is cut off on the way: entries under the id before are none of the next. */
  async function empty(nextId: string): Promise<void> {
    const fileId = Buffer.from(nextId, 'hex')
    await writeFully(handle, spillHeader(state.key, fileId), 0)
    state.fileId = fileId
    await handle.truncate(HEADER_BYTES)
    state.entries = 0
    state.bytes = HEADER_BYTES
    await handle.datasync()
  }

  return {
    id: () => state.fileId.toString('hex'),
    entries: () => state.entries,
    bytes: () => state.bytes,
    isWhole,
    append,
    read: from => readEntries(handle, from, state.key, state.fileId),
    empty,
    close: () => handle.close()
  }
}

/** What an earlier process left. */
export interface LeftSpill {
  /** `null` where there is no file, or none that was ever one. */
  readonly id: string | null
  /** The entries that open, in order. */
  readonly texts: readonly string[]
}

/**
 * Reads the file that an earlier process left.
 * @throws {AuditSpillError} `SALLYPORT_AUDIT_SPILL_LOCKED` when it is sealed under a key that is not here
 */
export async function readLeftSpill(path: string, keys: readonly RingKey[]): Promise<LeftSpill> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  })
  if (handle === null) return NOTHING_LEFT
  try {
    const header = Buffer.alloc(HEADER_BYTES)
    const { bytesRead } = await handle.read(header, 0, HEADER_BYTES, 0)
    if (bytesRead < HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) return NOTHING_LEFT
    const fileId = header.subarray(MAGIC.length, MAGIC.length + FILE_ID_BYTES)
    const key = keyNamed(path, header.subarray(-SPILL_KEY_ID_BYTES), keys)
    const texts = await readAllEntries(from => readEntries(handle, from, key, fileId))
    return { id: fileId.toString('hex'), texts }
  } finally {
    await handle.close()
  }
}

const NOTHING_LEFT: LeftSpill = { id: null, texts: [] }

/** Every entry that opens, in order. */
export async function readAllEntries(read: (from: SpillPlace) => Promise<SpillPage>): Promise<string[]> {
  const texts: string[] = []
  for (let place = SPILL_START; ;) {
    const page = await read(place)
    texts.push(...page.texts)
    if (page.end.offset === place.offset) return texts
    place = page.end
  }
}

async function readEntries(handle: FileHandle, from: SpillPlace, key: RingKey, fileId: Buffer): Promise<SpillPage> {
  const bytes = Buffer.alloc(READ_BYTES + LENGTH_BYTES)
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, from.offset)
  const texts: string[] = []
  let [at, index, unreadable] = [0, from.index, 0]
  while (at + LENGTH_BYTES <= bytesRead) {
    const length = bytes.readUInt32BE(at)
    const end = at + LENGTH_BYTES + length
    if (length < SEAL_OVERHEAD_BYTES || length > MAX_ENTRY_BYTES || end > bytesRead) break
    const text = openBytes(key.key, entryPlace(fileId, index), bytes.subarray(at + LENGTH_BYTES, end))
    if (text === null) unreadable++
    else texts.push(text)
    at = end
    index++
  }
  return { texts, unreadable, end: { offset: from.offset + at, index } }
}

async function writeFully(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written)
    written += bytesWritten
  }
}

/** The name of a file outlives the machine once its folder is written. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
