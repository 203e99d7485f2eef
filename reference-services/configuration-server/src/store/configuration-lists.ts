import type { Knex } from 'knex'
import type { ConfigurationKey } from '../configurations/configuration-names.ts'

/** A line of the list of configurations. */
export interface ListedConfiguration extends ConfigurationKey {
  readonly version: number
}

/** A line of the list of versions. */
export interface ListedVersion {
  readonly version: number
  /** The version whose content it has again; `null` for new content. */
  readonly restoredVersion: number | null
  /** Subject of the token, or `command-line`. */
  readonly author: string
  readonly createdAt: Date
}

/** Rows of one list at most. */
const MOST_LISTED = 100

/** Configurations by their names, from after one of them. */
export async function listConfigurations(
  db: Knex,
  after: ConfigurationKey | null
): Promise<readonly ListedConfiguration[]> {
  const query = db('configurations')
    .select('application', 'profile', 'label', 'version')
    .orderBy(['application', 'profile', 'label'])
    .limit(MOST_LISTED)
  if (after !== null) {
    const { application, profile, label } = after
    void query.whereRaw('(application, profile, label) > (?, ?, ?)', [application, profile, label])
  }
  return await query
}

/** Versions of a configuration, newest first, from before one of them. */
export async function listVersions(
  db: Knex,
  { application, profile, label }: ConfigurationKey,
  before: number | null
): Promise<readonly ListedVersion[]> {
  const query = db('configuration_versions')
    .where({ application, profile, label })
    .select('version', { restoredVersion: 'restored_version' }, 'author', { createdAt: 'created_at' })
    .orderBy('version', 'desc')
    .limit(MOST_LISTED)
  if (before !== null) void query.where('version', '<', before)
  return await query
}
