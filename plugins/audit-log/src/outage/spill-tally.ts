import { closeSync, fdatasync, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import type { RingKey } from '@sallyport/security-context/mechanics'
import { AuditSpillError } from '../errors.ts'
import type { EventClass } from '../event-class.ts'
import { openBytes, sealBytes } from '../seal-bytes.ts'

/** Why rows are missing from the trail. */
export type GapCause =
  /** Declared so: the database was away. */
  | 'dropped'
  /** The file that kept them was cut, changed or removed. */
  | 'spill-damaged'
  /** The count of what was kept was removed or changed, so it is not known whether rows are missing. */
  | 'tally-damaged'
  /** The database refuses the row itself, whenever it is tried. */
  | 'row-refused'

/** Rows that are missing, as a row of the trail will say. */
export interface TrailGap {
  /** Of that row, so that it is written once. */
  readonly id: string
  readonly cause: GapCause
  /** `null` when the rows are gone before anybody could see what they were. */
  readonly eventClass: EventClass | null
  /** How many; 0 when that is not known. */
  count: number
  readonly firstAtMs: number
  lastAtMs: number
  /** Its row is being written: what follows is another gap. */
  closed: boolean
}

/** What has to outlive the process beside the rows themselves. */
export interface TallyState {
  /** Rows in the spill that were acknowledged and are not known to be in the trail. */
  kept: number
  gaps: TrailGap[]
}

/** The file of the tally. */
export interface SpillTally {
  /** What was there: a state, nothing, or something that is not a state any more. */
  readonly found: 'state' | 'nothing' | 'damage'
  readonly state: TallyState
  /**
   * Whether the rows that are kept may be in the file with this id. They may be in any where no file was named yet.
   */
  readonly isOf: (fileId: string) => boolean
  /**
   * From the next {@link SpillTally.write} on the rows are in one of these files: while one takes the place of another,
   * a process that ends leaves either of them.
   */
  readonly nameFiles: (...fileIds: readonly string[]) => void
  /** Writes the state, so that it outlives the process. */
  readonly write: () => void
  /** What was written outlives the machine too. */
  readonly sync: () => Promise<void>
  /** Makes the file again when it is not at its path any more. */
  readonly repair: () => void
  readonly close: () => void
}

const SLOT_BYTES = 8192
/** Of the id of a key in a file, padded with zeros. */
export const SPILL_KEY_ID_BYTES = 32
const HEAD_BYTES = SPILL_KEY_ID_BYTES + 4
const TALLY_PLACE = Buffer.from('sallyport audit tally 1')
const syncFile = promisify(fdatasync)

interface TallySlot {
  readonly generation: number
  readonly state: TallyState
  /**
   * Ids of the file with the rows, not in the state: a release that does not know them leaves them out. Left out as
   * long as no file is named.
   */
  readonly files?: readonly string[] | undefined
}

/**
 * Opens the tally. Two slots of one file hold it in turn: when a write is cut off, the other slot has the state before
 * it. Both are written at once, so that a full disk does not stop what is counted later.
 * @param keys the first one seals
 * @throws {AuditSpillError} `SALLYPORT_AUDIT_SPILL_LOCKED` when a key is missing
 */
export function openTally(path: string, keys: readonly RingKey[]): SpillTally {
  let file = openForUpdate(path)
  const isEmpty = fstatSync(file).size === 0
  const slots = [0, 1].map(slot => readSlot(path, file, slot, keys)).filter(slot => slot !== null)
  const last = slots.sort((a, b) => b.generation - a.generation)[0]
  let generation = last?.generation ?? 0
  const state: TallyState = last?.state ?? { kept: 0, gaps: [] }
  let files = last?.files

  function write(): void {
    generation++
    const slot = tallySlot({ generation, state, files }, keys)
    writeSync(file, slot, 0, slot.length, (generation % 2) * SLOT_BYTES)
  }

  write()
  write()
  return {
    found: last !== undefined ? 'state' : isEmpty ? 'nothing' : 'damage',
    state,
    isOf: fileId => files === undefined || files.includes(fileId),
    nameFiles: (...fileIds) => {
      files = fileIds
    },
    write,
    sync: () => syncFile(file),
    repair: () => {
      if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(file).ino) return
      const gone = file
      file = openForUpdate(path)
      closeSync(gone)
      write()
      write()
    },
    close: () => {
      closeSync(file)
    }
  }
}

/** Opens a file to be written in place; makes it when there is none. */
function openForUpdate(path: string): number {
  closeSync(openSync(path, 'a', 0o600))
  return openSync(path, 'r+')
}

function tallySlot(content: TallySlot, [key]: readonly RingKey[]): Buffer {
  if (key === undefined) throw new Error('there is no key')
  const sealed = sealBytes(key.key, TALLY_PLACE, JSON.stringify(content))
  if (HEAD_BYTES + sealed.length > SLOT_BYTES) throw new Error('the tally of the spill is too large')
  const slot = Buffer.alloc(SLOT_BYTES)
  slot.write(key.id)
  slot.writeUInt32BE(sealed.length, SPILL_KEY_ID_BYTES)
  sealed.copy(slot, HEAD_BYTES)
  return slot
}

function readSlot(path: string, file: number, slot: number, keys: readonly RingKey[]): TallySlot | null {
  const bytes = Buffer.alloc(SLOT_BYTES)
  if (readSync(file, bytes, 0, SLOT_BYTES, slot * SLOT_BYTES) < SLOT_BYTES) return null
  const length = bytes.readUInt32BE(SPILL_KEY_ID_BYTES)
  if (length === 0 || length > SLOT_BYTES - HEAD_BYTES) return null
  const key = keyNamed(path, bytes.subarray(0, SPILL_KEY_ID_BYTES), keys)
  const text = openBytes(key.key, TALLY_PLACE, bytes.subarray(HEAD_BYTES, HEAD_BYTES + length))
  // Only this module seals for this place.
  return text === null ? null : (JSON.parse(text) as TallySlot)
}

/**
 * The key whose id is written in these bytes.
 * @throws {AuditSpillError} `SALLYPORT_AUDIT_SPILL_LOCKED` when it is not among the keys
 */
export function keyNamed(path: string, bytes: Buffer, keys: readonly RingKey[]): RingKey {
  const id = bytes.toString('latin1').replaceAll('\0', '')
  const key = keys.find(each => each.id === id)
  if (key === undefined) throw new AuditSpillError(path)
  return key
}
