import type { Schedule } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { configurationPath, type ConfigurationKey } from '../configurations/configuration-names.ts'

/** A change of a stored configuration. */
export interface ConfigurationChange extends ConfigurationKey {
  /** Grows in the order of commits. */
  readonly changeId: number
  readonly version: number
}

/** Tells of the changes that this process and others make. */
export interface ChangeFeed {
  /** Calls `listener` for every change from now on. @returns stops that */
  readonly follow: (listener: (change: ConfigurationChange) => void) => Promise<() => void>
  /** The newest change of any of these; `null` when there was none. */
  readonly newest: (keys: readonly ConfigurationKey[]) => Promise<ConfigurationChange | null>
  /** Looks at once: this process has changed something. */
  readonly look: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** How a feed reads. */
export interface ChangeFeedOptions {
  readonly db: Knex
  readonly intervalMs: number
  readonly schedule: Schedule
  readonly onFailure: (error: unknown) => void
}

/** Changes of one look; the rest follows with the next. */
const READ_TOGETHER = 500

interface ChangeRow extends ConfigurationKey {
  /** A bigint, which the driver gives as text. */
  readonly change_id: string
  readonly version: number
}

/**
 * Asks the table of changes, one query per interval and process however many streams there are, and none without a
 * stream. Polling needs no connection of its own, works through a pooler, and goes on by itself after an outage.
 */
export function openChangeFeed({ db, intervalMs, schedule, onFailure }: ChangeFeedOptions): ChangeFeed {
  const listeners = new Set<(change: ConfigurationChange) => void>()
  /** Id of the last change that was told; `null` while nobody listens. */
  let told: number | null = null
  let looking: Promise<void> = Promise.resolve()

  async function readOn(): Promise<void> {
    if (listeners.size === 0) {
      told = null
      return
    }
    if (told === null) {
      told = Number((await newestOf(db)) ?? 0)
      return
    }
    const rows: ChangeRow[] = await db('configuration_changes')
      .where('change_id', '>', told)
      .orderBy('change_id')
      .limit(READ_TOGETHER)
    for (const change of rows.map(changeOfRow)) {
      told = change.changeId
      for (const listener of listeners) listener(change)
    }
  }

  /** One look after the other: each begins where the one before has ended. */
  function lookInTurn(): Promise<void> {
    const look = looking.then(readOn)
    looking = look.catch(onFailure)
    return look
  }

  const running = schedule(async () => await lookInTurn().catch(() => {}), intervalMs)
  return {
    async follow(listener) {
      listeners.add(listener)
      try {
        await lookInTurn()
      } catch (error) {
        listeners.delete(listener)
        throw error
      }
      return () => {
        listeners.delete(listener)
      }
    },
    async newest(keys) {
      const row: ChangeRow | undefined = await db('configuration_changes')
        .whereIn(
          ['application', 'profile', 'label'],
          keys.map(({ application, profile, label }) => [application, profile, label])
        )
        .orderBy('change_id', 'desc')
        .first()
      return row === undefined ? null : changeOfRow(row)
    },
    look: async () => {
      await lookInTurn().catch(() => {})
    },
    stop: async () => {
      running.stop()
      listeners.clear()
      await looking
    }
  }
}

/** Whether a change is of one of these configurations. */
export function changesOf(keys: readonly ConfigurationKey[]): (change: ConfigurationKey) => boolean {
  const paths = new Set(keys.map(configurationPath))
  return change => paths.has(configurationPath(change))
}

async function newestOf(db: Knex): Promise<string | null> {
  const [row]: Array<{ newest: string | null }> = await db('configuration_changes').max('change_id as newest')
  return row?.newest ?? null
}

function changeOfRow({ change_id: changeId, application, profile, label, version }: ChangeRow): ConfigurationChange {
  return { changeId: Number(changeId), application, profile, label, version }
}
