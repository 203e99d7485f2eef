import type { Knex } from 'knex'
import { poolAsItIs } from '../connection.ts'
import { isJsonObject, type RingKey } from '@sallyport/security-context/mechanics'
import type { RecordRules } from '../build-record.ts'
import { cleanDetail } from '../clean.ts'
import type { AuditRecord } from '../record.ts'
import { openBytes } from '../seal-bytes.ts'
import { isKeyedHash } from './join-hash.ts'
import { statementsOf } from './key-rows.ts'
import { SEALED_MARK, type PersonalValues } from './personal-values.ts'
import { sealedPlace } from './seal-personal.ts'
import { openKey, type OpenKey, type StoredKey } from './wrap-key.ts'

/** A row with what it says of persons. */
export type PersonalRow<Row extends AuditRecord> = Row & {
  /** `null` where the row says nothing of a person, or nothing any more. */
  readonly personal: PersonalValues | null
  /** A key that sealed a part of it was destroyed. */
  readonly erased: boolean
}

/**
 * A row for those who may not read what it says of persons: rows before version 3 have some of it in clear.
 * @param classify of the members of `detail`
 */
export function concealPersonal<Row extends AuditRecord>(row: Row, { classify, joinHash }: RecordRules): Row {
  if (row.version > 2) return row
  const { sourceAddress, peerAddress, nameTried, detail } = row
  const rules = { classify, hashValue: joinHash.hashValue }
  return {
    ...row,
    sourceAddress: sourceAddress === null ? null : SEALED_MARK,
    peerAddress: peerAddress === null ? null : SEALED_MARK,
    nameTried: nameTried === null || isKeyedHash(nameTried) ? nameTried : SEALED_MARK,
    detail: isJsonObject(detail) ? cleanDetail(detail, rules).shown : detail
  }
}

/** How personal values are read. */
export interface PersonalReading {
  /** Open the wrapped keys: those that the processes have. */
  readonly keys?: readonly { readonly id: string; readonly key: Uint8Array }[]
  /** Default 5000. */
  readonly timeoutMs?: number
}

/**
 * Opens what rows say of persons, by the keys that the table has now: nothing is cached, so that nothing outlives the
 * destruction of a key. Whoever calls this records it first. Rejects when a key is there that no key of the ring opens.
 */
export async function readPersonal<Row extends AuditRecord>(
  given: Knex,
  rows: readonly Row[],
  { keys = [], timeoutMs = 5000 }: PersonalReading = {}
): Promise<PersonalRow<Row>[]> {
  const db = poolAsItIs(given)
  const ring = keys.map(({ id, key }) => ({ id, key: Buffer.from(key) }))
  const opened = await openPersonKeys(db, rows, ring, timeoutMs)
  return rows.map(row => {
    const parts = sealedParts(row)
    const values = parts.flatMap(({ keyId, sealed }) => {
      const key = opened.get(keyId)
      return key === undefined ? [] : [openPart(row.id, key, sealed)]
    })
    const personal = Object.assign({}, inClear(row), ...values) as PersonalValues
    return {
      ...row,
      personal: Object.keys(personal).length === 0 ? null : personal,
      erased: values.length < parts.length
    }
  })
}

async function openPersonKeys(
  db: Knex,
  rows: readonly AuditRecord[],
  ring: readonly RingKey[],
  timeoutMs: number
): Promise<ReadonlyMap<string, OpenKey>> {
  const ids = [...new Set(rows.flatMap(sealedParts).map(({ keyId }) => keyId))]
  if (ids.length === 0) return new Map()
  const stored = await statementsOf(db, timeoutMs).run<StoredKey>(
    'select id, wrapped_by as "wrappedBy", wrapped from audit_person_keys where id = any(:ids::uuid[])',
    { ids }
  )
  return new Map(
    stored.map(key => {
      const open = openKey(key, ring)
      if (open === null) throw new Error(`no key opens a key that ${key.wrappedBy ?? 'nothing'} wraps`)
      return [key.id, open]
    })
  )
}

function sealedParts({ sealed }: AuditRecord): { readonly keyId: string; readonly sealed: string }[] {
  return (sealed ?? '').split(' ').flatMap(part => {
    const [keyId, text] = part.split(':')
    return keyId === undefined || text === undefined ? [] : [{ keyId, sealed: text }]
  })
}

/** Only a row that was changed does not open, which verification says. */
function openPart(recordId: string, key: OpenKey, sealed: string): PersonalValues {
  const text = openBytes(key.secret, sealedPlace(recordId, key.id), Buffer.from(sealed, 'base64url'))
  return text === null ? {} : (JSON.parse(text) as PersonalValues)
}

/** Rows before version 3 have addresses and the names of accounts in columns. */
function inClear({ version, sourceAddress, peerAddress, nameTried }: AuditRecord): PersonalValues {
  if (version > 2) return {}
  return {
    ...(sourceAddress !== null && { sourceAddress }),
    ...(peerAddress !== null && { peerAddress }),
    ...(nameTried !== null && !isKeyedHash(nameTried) && { nameTried })
  }
}
