import { readPersonal, type PersonalReading, type PersonalValues } from '@sallyport/audit-log'
import type { Knex } from 'knex'

/** A row as its table has it. */
type TrailRow = Readonly<Record<string, unknown>>

/** A row with what it says of a person in the columns that rows of earlier versions had. */
export interface OpenedRow {
  readonly source_address: string | null
  readonly peer_address: string | null
  readonly name_tried: string | null
  readonly personal: PersonalValues | null
  readonly erased: boolean
}

/** Opens the rows of a trail, as somebody may who is allowed to. */
export async function openTrailRows<Row extends TrailRow>(
  db: Knex,
  rows: readonly Row[],
  reading: PersonalReading = {}
): Promise<(Row & OpenedRow)[]> {
  const opened = await readPersonal(db, rows.map(recordIn), reading)
  return rows.map((row, index) => {
    const { personal = null, erased = false } = opened[index] ?? {}
    return {
      ...row,
      source_address: personal?.sourceAddress ?? null,
      peer_address: personal?.peerAddress ?? null,
      name_tried: personal?.nameTried ?? (row.name_tried as string | null),
      ...(personal?.detail !== undefined && { detail: wholeDetail(row.detail, personal.detail) }),
      personal,
      erased
    }
  })
}

/** The detail of a row with its personal values where they were. */
function wholeDetail(shown: unknown, personal: Readonly<Record<string, unknown>>): unknown {
  const detail: unknown = structuredClone(shown)
  for (const [pointer, value] of Object.entries(personal)) {
    const names = pointer.slice(1).split('/')
    const last = names.pop() ?? ''
    const place = names.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], detail)
    ;(place as Record<string, unknown>)[last] = value
  }
  return detail
}

function recordIn(row: TrailRow): Parameters<typeof readPersonal>[1][number] {
  const { source_address: sourceAddress, peer_address: peerAddress, name_tried: nameTried } = row
  return { ...row, sourceAddress, peerAddress, nameTried } as unknown as Parameters<typeof readPersonal>[1][number]
}
