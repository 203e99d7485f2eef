import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { followServer, type LiveSettings, type ServerDocument } from '@sallyport/configuration'
import type { AuditEvent, AuditSink } from '@sallyport/security-context'
import { errorCode } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import type { Static, TObject } from 'typebox'
import { followFile } from './follow-file.ts'
import type { OpenLiveSettings, SettingDifference } from './open-live-settings.ts'
import type { LoadedSettings } from './load-process-settings.ts'
import { keepSnapshot, pulledFrom } from './pull-settings.ts'
import type { ProcessProperties, ProcessSettings } from './settings.ts'

/** The end of following, and a reading at once. */
export interface FollowedSettings {
  readonly readAgain: () => Promise<void>
  readonly stop: () => Promise<void>
}

/**
 * Follows the folders and the configuration server that the settings of a process come from. What is new is taken by
 * all who use it or by nobody; the log and the audit trail say which.
 */
export function followSettings<Schema extends TObject<ProcessProperties>>(
  app: FastifyInstance,
  loaded: LoadedSettings<Schema>,
  { live, take, witness }: OpenLiveSettings<Static<Schema>>
): FollowedSettings {
  const { read, folders, server } = loaded
  let { pulled, document: kept } = loaded
  witness({
    changed: async (version, differences) => {
      // Its keys may be others now.
      if (server !== null && kept !== null) keepSnapshot(server, kept)
      await noteChange(app, version, differences)
    },
    refused: error => noteRefusal(app, live, error)
  })

  if (server !== null && kept !== null) keepSnapshot(server, kept)

  async function takeDocument(document: ServerDocument): Promise<void> {
    if (server === null) return
    const next = pulledFrom(server.client, document)
    // Refused: asked for again, until the server has another one.
    if (!(await take(() => read(next)))) throw new Error('the pulled settings are refused')
    pulled = next
    kept = document
    keepSnapshot(server, document)
  }

  async function readAgain(): Promise<void> {
    await take(() => read(pulled))
  }

  const files = folders.map(folder => {
    return followFile({
      folder,
      // Unknown: what changed between the start and now is read with the first look.
      known: '',
      read: async () => ({ fingerprint: folderFingerprint(folder), content: null }),
      changed: readAgain
    })
  })
  const following =
    server === null ? null : followServer({ client: server.client, changed: takeDocument, failed: oncePerReason(app) })
  return {
    readAgain,
    stop: async () => {
      for (const file of files) await file.stop()
      await following?.stop()
    }
  }
}

/**
 * Lets the usual level of the log follow its setting. Another level that an operator chose stays until it ends.
 */
export function followLogLevel(app: FastifyInstance, live: LiveSettings<ProcessSettings>): void {
  function setUsual(level: string): void {
    if (app.hasDecorator('logLevels')) app.logLevels.setUsual(level)
    else app.log.level = level
  }
  live.subscribe({
    name: 'log',
    validate: ({ logLevel }) => {
      const before = live.current.logLevel
      return {
        apply: () => {
          if (logLevel !== before) setUsual(logLevel)
        },
        undo: () => {
          if (logLevel !== before) setUsual(before)
        }
      }
    }
  })
}

/** Of the files and not of their contents: to read and check all settings at each look would hold up requests. */
function folderFingerprint(folder: string): string {
  try {
    const lines = readdirSync(folder).map(name => {
      const about = statSync(join(folder, name), { throwIfNoEntry: false })
      return `${name} ${about?.ino} ${about?.size} ${about?.mtimeMs}`
    })
    return lines.sort().join('\n')
  } catch {
    return 'cannot be read'
  }
}

async function noteChange(
  app: FastifyInstance,
  version: number,
  differences: readonly SettingDifference[]
): Promise<void> {
  app.log.info({ settingsVersion: version, differences }, 'the settings have changed')
  await recordChange(app, { outcome: 'success', detail: { version, differences } })
}

async function noteRefusal(app: FastifyInstance, live: LiveSettings<unknown>, err: unknown): Promise<void> {
  const { version } = live
  app.log.error({ err, settingsVersion: version }, 'the settings stay what they were: the new ones are refused')
  await recordChange(app, { outcome: 'failure', reason: errorCode(err) ?? 'failed', detail: { version } })
}

async function recordChange(app: FastifyInstance, event: Omit<AuditEvent, 'action'>): Promise<void> {
  if (!app.hasDecorator('auditSink')) return
  const sink = app.getDecorator<AuditSink>('auditSink')
  await sink.write({ action: 'settings.change', ...event }).catch((err: unknown) => {
    app.log.error({ err }, 'a change of settings is in no audit trail')
  })
}

/** An outage is one line, not one for each question. */
function oncePerReason(app: FastifyInstance): (error: unknown) => void {
  let last = ''
  return err => {
    const reason = err instanceof Error ? err.message : String(err)
    if (reason !== last) app.log.warn({ err }, 'the settings stay what they were: nothing was pulled')
    last = reason
  }
}
