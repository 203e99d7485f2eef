import type { JsonValue } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { ConfigurationUnknownError } from '../errors.ts'
import type { SecretRing } from '../secrets/secret-ring.ts'
import { findCurrentVersion, openVersion, readVersion, type StoredVersion } from '../store/configuration-store.ts'
import type { ConfigurationKey } from './configuration-names.ts'
import { contentDifference, type ContentDifference } from './content-difference.ts'

/** A version for people: in place of each secret there is `null`, which keeps it when it is sent back. */
export interface MaskedVersion {
  readonly version: number
  readonly values: Record<string, JsonValue>
  readonly secrets: Record<string, null>
}

/** One version without its secrets. @throws `SALLYPORT_CONFIGSERVER_UNKNOWN` */
export async function readMaskedVersion(
  db: Knex,
  key: ConfigurationKey,
  wanted: number | 'current'
): Promise<MaskedVersion> {
  const stored = await requireVersion(db, key, wanted === 'current' ? await findCurrentVersion(db, key) : wanted)
  return {
    version: stored.version,
    values: Object.fromEntries(stored.values),
    secrets: Object.fromEntries([...stored.secrets.keys()].map(name => [name, null]))
  }
}

/**
 * What changed from one version to another, secrets masked.
 * @throws `SALLYPORT_CONFIGSERVER_UNKNOWN`, `SALLYPORT_CONFIGSERVER_SECRET_UNREADABLE`
 */
export async function readDifference(
  db: Knex,
  ring: SecretRing,
  key: ConfigurationKey,
  from: number,
  to: number
): Promise<ContentDifference> {
  const before = await requireVersion(db, key, from)
  const after = await requireVersion(db, key, to)
  return contentDifference(openVersion(ring, before), openVersion(ring, after))
}

async function requireVersion(db: Knex, key: ConfigurationKey, version: number | null): Promise<StoredVersion> {
  const stored = version === null ? null : await readVersion(db, key, version)
  if (stored === null) throw new ConfigurationUnknownError()
  return stored
}
