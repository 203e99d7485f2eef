import { canonicalJson, parseJsonObject, type JsonValue } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import type { ConfigurationContent } from '../configurations/configuration-content.ts'
import type { ConfigurationKey } from '../configurations/configuration-names.ts'
import type { SealedSecret, SecretRing } from '../secrets/secret-ring.ts'

/** One version of a configuration as it is kept: its secrets are encrypted. */
export interface StoredVersion extends ConfigurationKey {
  readonly version: number
  readonly values: ReadonlyMap<string, JsonValue>
  readonly secrets: ReadonlyMap<string, SealedSecret>
}

/** A version that is about to be written. */
export interface NewVersion {
  readonly key: ConfigurationKey
  readonly version: number
  readonly content: ConfigurationContent
  readonly author: string
  /** The version whose content this one has again; `null` for new content. */
  readonly restoredVersion: number | null
}

interface VersionRow extends ConfigurationKey {
  readonly version: number
  readonly plain_values: string
}

interface EncryptedRow extends ConfigurationKey {
  readonly version: number
  readonly name: string
  readonly key_id: string
  readonly sealed: Buffer
}

const KEY_COLUMNS = ['application', 'profile', 'label'] as const
/** Any number that no other lock of the database has. */
const WRITER_LOCK = 6_038_114_285

/**
 * Makes this transaction the only one that changes configurations, until it ends: ids of changes are committed in their
 * order, so that whoever has seen one has seen all before it. Changes are rare.
 */
export async function becomeOnlyWriter(trx: Knex): Promise<void> {
  await trx.raw('select pg_advisory_xact_lock(?)', [WRITER_LOCK])
}

/** The number of the current version; `null` when there is no such configuration. */
export async function findCurrentVersion(db: Knex, key: ConfigurationKey): Promise<number | null> {
  const row: { version: number } | undefined = await db('configurations').where(keyColumns(key)).first('version')
  return row?.version ?? null
}

/** The current versions of several configurations; those that do not exist are left out. */
export async function readCurrentVersions(db: Knex, keys: readonly ConfigurationKey[]): Promise<StoredVersion[]> {
  const rows: VersionRow[] = await db('configurations as current')
    .join('configuration_versions as version', function sameVersion() {
      for (const column of [...KEY_COLUMNS, 'version']) this.on(`current.${column}`, `version.${column}`)
    })
    .whereIn(
      KEY_COLUMNS.map(column => `current.${column}`),
      keys.map(({ application, profile, label }) => [application, profile, label])
    )
    .select('version.*')
  return await withSecrets(db, rows)
}

/** One version; `null` when there is none. */
export async function readVersion(db: Knex, key: ConfigurationKey, version: number): Promise<StoredVersion | null> {
  const rows: VersionRow[] = await db('configuration_versions').where({ ...keyColumns(key), version })
  const [found = null] = await withSecrets(db, rows)
  return found
}

/** Writes a version, makes it the current one, and says so to the streams. */
export async function insertVersion(trx: Knex, ring: SecretRing, written: NewVersion): Promise<void> {
  const { key, version, content, author, restoredVersion } = written
  const columns = { ...keyColumns(key), version }
  await trx('configurations')
    .insert(columns)
    .onConflict([...KEY_COLUMNS])
    .merge(['version'])
  const plainValues = canonicalJson(Object.fromEntries(content.values))
  await trx('configuration_versions').insert({
    ...columns,
    plain_values: plainValues,
    author,
    restored_version: restoredVersion
  })
  const secrets = [...content.secrets].map(([name, value]) => {
    const { keyId, sealed } = ring.sealSecret({ ...key, name }, value)
    return { ...columns, name, key_id: keyId, sealed }
  })
  if (secrets.length > 0) await trx('configuration_secrets').insert(secrets)
  await trx('configuration_changes').insert(columns)
}

/** The content of a version, its secrets decrypted. @throws `SALLYPORT_CONFIGSERVER_SECRET_UNREADABLE` */
export function openVersion(ring: SecretRing, stored: StoredVersion): ConfigurationContent {
  const { application, profile, label, values } = stored
  const secrets = new Map(
    [...stored.secrets].map(([name, secret]) => [name, ring.openSecret({ application, profile, label, name }, secret)])
  )
  return { values, secrets }
}

async function withSecrets(db: Knex, rows: readonly VersionRow[]): Promise<StoredVersion[]> {
  if (rows.length === 0) return []
  const places = rows.map(({ application, profile, label, version }) => [application, profile, label, version])
  const found: EncryptedRow[] = await db('configuration_secrets').whereIn([...KEY_COLUMNS, 'version'], places)
  return rows.map(row => {
    const { application, profile, label, version } = row
    const own = found.filter(
      secret => KEY_COLUMNS.every(column => secret[column] === row[column]) && secret.version === version
    )
    const secrets = new Map(own.map(({ name, key_id: keyId, sealed }) => [name, { keyId, sealed }]))
    return { application, profile, label, version, values: parseValues(row.plain_values), secrets }
  })
}

/** Written by {@link insertVersion}, so it is an object of JSON. */
function parseValues(text: string): Map<string, JsonValue> {
  return new Map(Object.entries(parseJsonObject(text) ?? {}) as Array<[string, JsonValue]>)
}

function keyColumns({ application, profile, label }: ConfigurationKey): ConfigurationKey {
  return { application, profile, label }
}
