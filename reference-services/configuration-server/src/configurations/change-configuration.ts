import type { RecordAudit } from '@sallyport/service-kit'
import type { Knex } from 'knex'
import { ConfigurationChangedError, ConfigurationUnknownError, ContentInvalidError } from '../errors.ts'
import type { SecretRing } from '../secrets/secret-ring.ts'
import {
  becomeOnlyWriter,
  findCurrentVersion,
  insertVersion,
  openVersion,
  readVersion
} from '../store/configuration-store.ts'
import {
  EMPTY_CONTENT,
  resultingContent,
  type ConfigurationContent,
  type SentContent
} from './configuration-content.ts'
import { configurationPath, type ConfigurationKey } from './configuration-names.ts'
import { contentDifference, isSameContent } from './content-difference.ts'

/** What configurations are changed with. */
export interface ChangeCollaborators {
  readonly db: Knex
  readonly ring: SecretRing
  readonly audit: RecordAudit
  /** Who changes it, for the list of versions. */
  readonly author: string
}

/** Which version a change is made to: a number, none yet, or whichever it is (command line). */
export type WriteCondition = number | 'none' | 'any'

/** Where a change leads. */
export interface ChangedConfiguration {
  readonly version: number
  /** False when the content was the same already: then there is no new version. */
  readonly isChanged: boolean
}

/** Paths of the server's own routes: an application of such a name could not be asked for everywhere. */
const RESERVED_APPLICATIONS: readonly string[] = ['admin', 'audit']

/**
 * Replaces the content of a configuration by a new version.
 * @throws `SALLYPORT_CONFIGSERVER_CHANGED`, `SALLYPORT_CONFIGSERVER_CONTENT_INVALID`
 */
export async function replaceConfiguration(
  collaborators: ChangeCollaborators,
  key: ConfigurationKey,
  expected: WriteCondition,
  sentOver: (before: ConfigurationContent) => SentContent
): Promise<ChangedConfiguration> {
  if (RESERVED_APPLICATIONS.includes(key.application)) {
    throw new ContentInvalidError(`the application ${key.application} is a part of the server`)
  }
  return await change(collaborators, { key, expected, action: 'configuration.replace' }, async (_trx, before) => ({
    content: resultingContent(before, sentOver(before)),
    restoredVersion: null
  }))
}

/**
 * Makes a new version with the content of an older one.
 * @throws `SALLYPORT_CONFIGSERVER_CHANGED`, `SALLYPORT_CONFIGSERVER_UNKNOWN`
 */
export async function rollBackConfiguration(
  collaborators: ChangeCollaborators,
  key: ConfigurationKey,
  expected: WriteCondition,
  restoredVersion: number
): Promise<ChangedConfiguration> {
  return await change(collaborators, { key, expected, action: 'configuration.roll-back' }, async trx => {
    const restored = await readVersion(trx, key, restoredVersion)
    if (restored === null) throw new ConfigurationUnknownError()
    return { content: openVersion(collaborators.ring, restored), restoredVersion }
  })
}

interface PlannedChange {
  readonly key: ConfigurationKey
  readonly expected: WriteCondition
  readonly action: string
}

type Derive = (
  trx: Knex,
  before: ConfigurationContent
) => Promise<{ readonly content: ConfigurationContent; readonly restoredVersion: number | null }>

/** The version, the move of `current`, the row for streams and the audit row are committed together, or none. */
async function change(
  { db, ring, audit, author }: ChangeCollaborators,
  { key, expected, action }: PlannedChange,
  derive: Derive
): Promise<ChangedConfiguration> {
  return await db.transaction(async trx => {
    await becomeOnlyWriter(trx)
    const current = await findCurrentVersion(trx, key)
    if (expected !== 'any' && expected !== (current ?? 'none')) throw new ConfigurationChangedError()
    const stored = current === null ? null : await readVersion(trx, key, current)
    const before = stored === null ? EMPTY_CONTENT : openVersion(ring, stored)
    const { content, restoredVersion } = await derive(trx, before)
    const isChanged = current === null || !isSameContent(before, content)
    const version = isChanged ? (current ?? 0) + 1 : current
    if (isChanged) await insertVersion(trx, ring, { key, version, content, author, restoredVersion })
    await audit(trx, {
      action,
      outcome: 'success',
      resource: { type: 'configuration', id: configurationPath(key) },
      detail: {
        before: current,
        after: version,
        ...(restoredVersion !== null && { restoredVersion }),
        ...contentDifference(before, content)
      }
    })
    return { version, isChanged }
  })
}
