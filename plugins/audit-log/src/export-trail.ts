import type { Knex } from 'knex'
import { SELECT_RECORD, type AuditRecord } from './record.ts'
import { signNote, type CheckpointSigner } from './checkpoint/signed-note.ts'
import { GENESIS, type AuditHead, type Rows } from './seal-pending.ts'

/** Form of an export: its first line names it. */
export const EXPORT_FORM = 'sallyport-audit-export 1'

/** The first line: where the export begins. */
export interface ExportStart {
  readonly form: typeof EXPORT_FORM
  /** The head before the first row. */
  readonly after: AuditHead
}

/** A line for each seal; `record` is `null` where the row was pruned. */
export interface ExportedSeal {
  readonly sequence: number
  /** Hexadecimal, like the other hashes. */
  readonly contentHash: string
  readonly chainHash: string
  readonly record: AuditRecord | null
  /** The row is there and left out: it has personal values in clear, which whoever asked may not read. */
  readonly concealed?: true
}

/** The last line: an export without it is not complete. */
export interface ExportEnd {
  readonly end: AuditHead
  readonly rows: number
  /** How many rows are concealed; left out where none is. */
  readonly concealed?: number
  /** A note over both heads and the numbers of rows, by the keys of the trail; left out where nobody signs. */
  readonly signature?: string
}

/** What to export. */
export interface ExportOptions {
  /** Continue after this sequence: 0 for the whole trail. */
  readonly after?: number
  /** Ends with this sequence; left out: with the last seal. */
  readonly through?: number
  /** Rows read at a time. Default 1000. */
  readonly batchSize?: number
  /** Sign the last line, and with it everything before: each head covers all rows up to it. */
  readonly signers?: readonly CheckpointSigner[]
  /** Leave out rows before version 3, which have names and addresses in clear. */
  readonly concealsClear?: boolean
}

/** What the signature of an export is over. */
export function exportStatement(after: AuditHead, { end, rows, concealed = 0 }: ExportEnd): string {
  const heads = [after, end].map(({ sequence, chainHash: chain }) => `${sequence} ${chain}\n`)
  return `${EXPORT_FORM}\n${heads.join('')}${rows}\n${concealed > 0 ? `concealed ${concealed}\n` : ''}`
}

type ExportRow = { readonly sequence: string; readonly seal_hash: Buffer; readonly chain_hash: Buffer } & {
  readonly [Name in keyof AuditRecord]: AuditRecord[Name] | null
}

/**
 * The trail as lines of JSON, with the seals of rows that are pruned, so that it can be verified without the database.
 * An export that was cut off goes on with another one after its last complete line.
 * @param db any role that may select
 */
export async function* exportTrail(
  db: Knex,
  { after = 0, through, batchSize = 1000, signers = [], concealsClear = false }: ExportOptions = {}
): AsyncGenerator<ExportStart | ExportedSeal | ExportEnd> {
  const start = await headAt(db, after)
  if (start === null) throw new Error(`there is no seal ${after}`)
  yield { form: EXPORT_FORM, after: start }
  let [end, rows, concealed] = [start, 0, 0]
  for (;;) {
    const page = await readSeals(db, end.sequence, through ?? Number.MAX_SAFE_INTEGER, batchSize)
    for (const seal of page) {
      const isConcealed = concealsClear && seal.record !== null && seal.record.version < 3
      if (isConcealed) concealed++
      yield isConcealed ? { ...seal, record: null, concealed: true } : seal
    }
    const last = page.at(-1)
    rows += page.length
    if (last !== undefined) end = { sequence: last.sequence, chainHash: last.chainHash }
    if (page.length < batchSize) break
  }
  const last: ExportEnd = { end, rows, ...(concealed > 0 && { concealed }) }
  yield { ...last, ...(signers.length > 0 && { signature: signNote(exportStatement(start, last), signers) }) }
}

async function headAt(db: Knex, sequence: number): Promise<AuditHead | null> {
  if (sequence === 0) return { sequence, chainHash: GENESIS.toString('hex') }
  const seal = await db('audit_seals').where({ sequence }).first<{ chain_hash: Buffer } | undefined>('chain_hash')
  return seal === undefined ? null : { sequence, chainHash: seal.chain_hash.toString('hex') }
}

async function readSeals(db: Knex, after: number, through: number, limit: number): Promise<ExportedSeal[]> {
  const { rows } = await db.raw<Rows<ExportRow>>(
    `
    select s.sequence, s.content_hash as seal_hash, s.chain_hash, ${SELECT_RECORD}
    from audit_seals s left join audit_events e on e.id = s.event_id
    where s.sequence > ? and s.sequence <= ? order by s.sequence limit ?`,
    [after, through, limit]
  )
  return rows.map(({ sequence, seal_hash: contentHash, chain_hash: chain, ...record }) => ({
    sequence: Number(sequence),
    contentHash: contentHash.toString('hex'),
    chainHash: chain.toString('hex'),
    // Without its row the seal has none of the columns.
    record: record.id === null ? null : (record as AuditRecord)
  }))
}
