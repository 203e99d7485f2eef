import { NameTakenError, UnknownSubjectError } from '../errors.ts'
import type { EditedRows, Store } from '../store/contract.ts'
import type { Administration } from './administration.ts'
import { beforeAndAfter } from './audit-change.ts'
import { refuseOtherVersion, type ExpectedVersion } from './versions.ts'

/** What every row that administrators edit has. */
interface EditedRow {
  readonly version: number
  readonly disabledAtMs: number | null
}

/** A kind of such rows: scopes, audiences, roles. */
export interface RowKind<Key, Row extends EditedRow> {
  /** Type of the resource in the trail, and first part of its actions. */
  readonly type: string
  readonly rows: (store: Store) => EditedRows<Key, Row>
  readonly keyOf: (row: Row) => Key
  /** The id in messages and in the trail. */
  readonly idOf: (key: Key) => string
  /** What the trail has of a row before and after. */
  readonly declared: readonly string[]
}

/** What to do with a row: the row that replaces it, after anything else that goes with it. */
export type RowEdit<Row> = (trx: Store, before: Row) => Promise<Row>

/**
 * Creates a row; `check` refuses what refers to nothing.
 * @throws {NameTakenError} `SALLYPORT_AUTH_SERVER_NAME_TAKEN`
 */
export async function createRow<Key, Row extends EditedRow>(
  administration: Administration,
  kind: RowKind<Key, Row>,
  row: Row,
  check: (trx: Store) => Promise<void>
): Promise<Row> {
  return await administration.store.transaction(async trx => {
    await trx.audiences.lockRegistry()
    await check(trx)
    if (!(await kind.rows(trx).create(row))) throw new NameTakenError(kind.type, kind.idOf(kind.keyOf(row)))
    await auditEdit(administration, trx, kind, 'create', { before: null, after: row })
    return row
  })
}

/**
 * Changes a row under the lock of the registry, raises its version and writes both states to the trail.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {VersionMismatchError} `SALLYPORT_AUTH_SERVER_VERSION_MISMATCH`
 */
export async function editRow<Key, Row extends EditedRow>(
  administration: Administration,
  kind: RowKind<Key, Row>,
  { key, expected, verb }: { readonly key: Key; readonly expected: ExpectedVersion; readonly verb: string },
  edit: RowEdit<Row>
): Promise<Row> {
  return await administration.store.transaction(async trx => {
    const before = await lockedRow(trx, kind, key, expected)
    const after = { ...(await edit(trx, before)), version: before.version + 1 }
    await kind.rows(trx).replace(after)
    await auditEdit(administration, trx, kind, verb, { before, after })
    return after
  })
}

/**
 * Removes a row; `check` refuses while others need it.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {VersionMismatchError} `SALLYPORT_AUTH_SERVER_VERSION_MISMATCH`
 */
export async function removeRow<Key, Row extends EditedRow>(
  administration: Administration,
  kind: RowKind<Key, Row>,
  { key, expected }: { readonly key: Key; readonly expected: ExpectedVersion },
  check: (trx: Store, before: Row) => Promise<void>
): Promise<void> {
  await administration.store.transaction(async trx => {
    const before = await lockedRow(trx, kind, key, expected)
    await check(trx, before)
    await kind.rows(trx).remove(key)
    await auditEdit(administration, trx, kind, 'delete', { before, after: null })
  })
}

/**
 * A row as it is stored.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 */
export async function findRow<Key, Row extends EditedRow>(
  store: Store,
  kind: RowKind<Key, Row>,
  key: Key
): Promise<Row> {
  const row = await kind.rows(store).find(key)
  if (row === null) throw new UnknownSubjectError(kind.type, kind.idOf(key))
  return row
}

async function lockedRow<Key, Row extends EditedRow>(
  trx: Store,
  kind: RowKind<Key, Row>,
  key: Key,
  expected: ExpectedVersion
): Promise<Row> {
  await trx.audiences.lockRegistry()
  const row = await findRow(trx, kind, key)
  refuseOtherVersion(expected, kind.type, kind.idOf(key), row)
  return row
}

async function auditEdit<Key, Row extends EditedRow>(
  { audit }: Administration,
  trx: Store,
  kind: RowKind<Key, Row>,
  verb: string,
  { before, after }: { readonly before: Row | null; readonly after: Row | null }
): Promise<void> {
  const row = after ?? before
  await audit(trx, {
    action: `${kind.type}.${verb}`,
    outcome: 'success',
    ...(row !== null && { resource: { type: kind.type, id: kind.idOf(kind.keyOf(row)) } }),
    detail: beforeAndAfter([...kind.declared, 'disabledAtMs'], before, after)
  })
}

/** A row as administrators see it. */
export function rowSummary<Row extends EditedRow>({
  disabledAtMs,
  ...row
}: Row): Omit<Row, 'disabledAtMs'> & { readonly disabled: boolean } {
  return { ...row, disabled: disabledAtMs !== null }
}
