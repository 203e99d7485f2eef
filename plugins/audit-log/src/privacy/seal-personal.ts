import { createHmac } from 'node:crypto'
import { normaliseUsername } from '@sallyport/security-context/mechanics'
import { LRUCache } from 'lru-cache'
import type { AuditRecord, BuiltRecord } from '../record.ts'
import { sealBytes } from '../seal-bytes.ts'
import type { JoinHash, LookedUp } from './join-hash.ts'
import { insertLookups, type KeyOwner, type KeyStatements, type Lookup } from './key-rows.ts'
import { createPersonKeys, ownerName, type PersonKey, type PersonKeyOptions, type PersonKeys } from './person-keys.ts'
import type { PersonalValues } from './personal-values.ts'
import { personIssuer } from './trail-person.ts'

/** Seals what rows say of persons, so that they can be stored. */
export interface PersonalSealer {
  /**
   * The rows as they are stored. Needs no statement where the keys and the values of all rows are known.
   * @param statements where the rows are going to be stored
   */
  readonly seal: (records: readonly BuiltRecord[], statements: KeyStatements) => Promise<readonly AuditRecord[]>
}

/** Settings of {@link createPersonalSealer}. */
export interface PersonalSealerOptions extends PersonKeyOptions {
  readonly joinHash: JoinHash
  /** Issuer of the trail's own subjects; left out: a subject alone is a person. */
  readonly ownIssuer?: string | undefined
}

/** A part of what a row says, under the key of one owner. */
interface PersonalPart {
  readonly owner: KeyOwner
  readonly values: PersonalValues
}

interface SealingRow {
  readonly record: BuiltRecord
  readonly parts: readonly PersonalPart[]
}

/** Values that are known of a person, such as the addresses of his devices. */
const LOOKUPS_OF_A_KEY = 4
const LOOKUP_TAG_BYTES = 16

/** Makes the sealer of a process. */
export function createPersonalSealer(options: PersonalSealerOptions): PersonalSealer {
  const { joinHash, maxCachedKeys, ownIssuer } = options
  const personKeys = createPersonKeys(options)
  /** Tags whose lookups are stored. */
  const knownTags = new LRUCache<string, string>({ max: maxCachedKeys * LOOKUPS_OF_A_KEY })

  async function seal(records: readonly BuiltRecord[], statements: KeyStatements): Promise<readonly AuditRecord[]> {
    const rows = records.map(record => partsOf(record, ownIssuer))
    if (rows.every(({ parts }) => parts.length === 0)) return rows.map(({ record }) => record)
    for (;;) {
      const keys = await keysFor(personKeys, rows, statements)
      const wanted = new Map<string, Lookup>()
      const sealed = rows.map(row => sealRow(row, keys, tagOf(wanted)))
      if (wanted.size === 0 || (await storeLookups(wanted, statements))) return sealed
    }
  }

  /** The tag of a value under a key, and a lookup that is to be stored where the value is new. */
  function tagOf(wanted: Map<string, Lookup>): TagOf {
    return (key, field, value) => {
      if (value === undefined) return null
      const name = `${key.id} ${field} ${value}`
      const known = knownTags.get(name) ?? wanted.get(name)?.tag
      if (known !== undefined) return known
      const [token] = joinHash.lookups(field, value)
      if (token === undefined) return null
      const plain = field === 'nameTried' ? normaliseUsername(value) : value
      const tag = createHmac('sha256', key.tagSecret).update(`${field}:${plain}`).digest().subarray(0, LOOKUP_TAG_BYTES)
      wanted.set(name, { token, keyId: key.id, tag: tag.toString('base64url') })
      return tag.toString('base64url')
    }
  }

  /** Returns whether the keys still exist: one may have been destroyed since it was cached. */
  async function storeLookups(wanted: ReadonlyMap<string, Lookup>, statements: KeyStatements): Promise<boolean> {
    const stored = await insertLookups(statements, [...wanted.values()])
    const kept = new Set(
      stored
        .filter(({ alive, recorded }) => alive && (recorded || !statements.isTransaction))
        .map(({ keyId, token }) => `${keyId} ${token}`)
    )
    for (const [name, { keyId, token, tag }] of wanted) if (kept.has(`${keyId} ${token}`)) knownTags.set(name, tag)
    const gone = stored.filter(({ alive }) => !alive)
    for (const { keyId } of gone) personKeys.forget(keyId)
    return gone.length === 0
  }

  return { seal }
}

type TagOf = (key: PersonKey, field: LookedUp, value: string | undefined) => string | null

/** A row with what it says of persons, by owner. */
function partsOf(record: BuiltRecord, ownIssuer: string | undefined): SealingRow {
  const { subject, occurredAt, personal = null } = record
  if (personal === null) return { record, parts: [] }
  const issuer = subject === null ? null : personIssuer(record.issuer, ownIssuer)
  const own = { subject, issuer, day: subject === null ? occurredAt.slice(0, 10) : null }
  const { detail, person, issuerOfPerson, ...who } = personal
  const issuerOfDetail = personIssuer(issuerOfPerson, ownIssuer)
  if (detail === undefined || person === undefined || (person === subject && issuerOfDetail === issuer)) {
    return { record, parts: [{ owner: own, values: { ...who, ...(detail !== undefined && { detail }) } }] }
  }
  const others = { owner: { subject: person, issuer: issuerOfDetail, day: null }, values: { detail } }
  return { record, parts: Object.keys(who).length === 0 ? [others] : [{ owner: own, values: who }, others] }
}

async function keysFor(
  personKeys: PersonKeys,
  rows: readonly SealingRow[],
  statements: KeyStatements
): Promise<ReadonlyMap<string, PersonKey>> {
  const keys = new Map<string, PersonKey>()
  const missing = new Map<string, KeyOwner>()
  for (const { owner } of rows.flatMap(({ parts }) => parts)) {
    const name = ownerName(owner)
    const key = keys.get(name) ?? personKeys.cached(owner)
    if (key === null) missing.set(name, owner)
    else keys.set(name, key)
  }
  if (missing.size === 0) return keys
  return new Map([...keys, ...(await personKeys.load(statements, [...missing.values()]))])
}

function sealRow({ record, parts }: SealingRow, keys: ReadonlyMap<string, PersonKey>, tagOf: TagOf): BuiltRecord {
  if (parts.length === 0) return record
  const texts: string[] = []
  let [sourceTag, nameTag]: (string | null)[] = [null, null]
  for (const { owner, values } of parts) {
    const key = keys.get(ownerName(owner))
    // What happened before the person was erased must not come back, for example from the disk after an outage.
    if (key === undefined || (key.erasedAt !== null && record.occurredAt <= key.erasedAt)) continue
    texts.push(
      `${key.id}:${sealBytes(key.secret, sealedPlace(record.id, key.id), JSON.stringify(values)).toString('base64url')}`
    )
    sourceTag ??= tagOf(key, 'sourceAddress', values.sourceAddress)
    nameTag ??= tagOf(key, 'nameTried', values.nameTried)
  }
  return {
    ...record,
    personal: null,
    sealed: texts.length === 0 ? null : texts.join(' '),
    sourceTag: sourceTag ?? null,
    nameTag: nameTag ?? null
  }
}

/** Sealed values open only in their own row. */
export function sealedPlace(recordId: string, keyId: string): Buffer {
  return Buffer.from(`${recordId} ${keyId}`)
}
