import { createHash } from 'node:crypto'
import type { DeepReadonly, LiveSettings, Settings } from '@sallyport/configuration'
import { canonicalJson } from '@sallyport/security-context/mechanics'
import { SettingsNotLiveError } from './errors.ts'
import { createReload } from './reload.ts'

/** One setting that changed, as it may be printed. */
export interface SettingDifference {
  readonly setting: string
  readonly from: string
  readonly to: string
  /** Where the new value comes from. */
  readonly origin: string
}

/** Gets to know what became of each change. */
export interface SettingsWitness {
  readonly changed: (version: number, differences: readonly SettingDifference[]) => Promise<void> | void
  /** Not told again of the same reason in a row. */
  readonly refused: (error: unknown) => Promise<void> | void
}

/** Live settings, and the way to change them. */
export interface OpenLiveSettings<T> {
  readonly live: LiveSettings<T>
  /**
   * Takes what `read` answers, or changes nothing. One after the other.
   * @returns whether the settings are those that were read
   */
  readonly take: (read: () => Settings<T>) => Promise<boolean>
  /** Told from now on; only one. */
  readonly witness: (witness: SettingsWitness) => void
}

/**
 * Makes settings live: a change is read and checked as at boot, has to leave alone what cannot change while the process
 * runs, and is then taken by all subscribers or by none.
 */
export function openLiveSettings<T>(first: Settings<T>): OpenLiveSettings<T> {
  const reload = createReload<DeepReadonly<T>>()
  let settings = first
  let next = first
  let version = 1
  let refused = 0
  let lastRefusal: string | null = null
  let told: SettingsWitness = { changed: () => {}, refused: () => {} }
  let last: Promise<unknown> = Promise.resolve()
  // The first subscriber: what others do in `apply` sees the new values already.
  reload.subscribe({
    name: 'settings',
    validate: () => {
      const old = settings
      const taken = next
      return {
        apply: () => {
          settings = taken
        },
        undo: () => {
          settings = old
        }
      }
    }
  })

  async function exchange(read: () => Settings<T>): Promise<boolean> {
    try {
      next = read()
      const differences = settingDifferences(settings, next)
      lastRefusal = differences.length === 0 ? null : lastRefusal
      if (differences.length === 0) settings = next
      else {
        refuseUnlessLive(settings, differences)
        await reload.reload(next.values)
        version++
        lastRefusal = null
        await told.changed(version, differences)
      }
      return true
    } catch (error) {
      refused++
      const reason = error instanceof Error ? error.message : 'no reason'
      const isNew = reason !== lastRefusal
      lastRefusal = reason
      if (isNew) await told.refused(error)
      return false
    }
  }

  return {
    live: {
      get current() {
        return settings.values
      },
      get version() {
        return version
      },
      state: () => ({ version, digest: settingsDigest(settings), changed: version - 1, refused, lastRefusal }),
      explain: () => settings.explain(),
      subscribe: reload.subscribe
    },
    take: async read => {
      const turn = last.then(async () => await exchange(read))
      last = turn.catch(() => {})
      return await turn
    },
    witness: witness => {
      told = witness
    }
  }
}

/** What two settings do not have in common. Secrets are compared and not shown. */
function settingDifferences(from: Settings<unknown>, to: Settings<unknown>): SettingDifference[] {
  const before = new Map(from.explain().map(({ setting, shown }) => [setting, shown]))
  const [old, young] = [from, to].map(({ values }) => new Map(Object.entries(values ?? {})))
  return to
    .explain()
    .filter(({ setting }) => JSON.stringify(old?.get(setting)) !== JSON.stringify(young?.get(setting)))
    .map(({ setting, shown, origin }) => ({ setting, from: before.get(setting) ?? '-', to: shown, origin }))
}

function refuseUnlessLive(settings: Settings<unknown>, differences: readonly SettingDifference[]): void {
  const marks = new Map(settings.explain().map(({ setting, live }) => [setting, live]))
  const fixed = differences.map(({ setting }) => setting).filter(setting => marks.get(setting) !== true)
  if (fixed.length > 0) throw new SettingsNotLiveError(fixed.join(', '))
}

/** Says whether two processes have the same settings, secrets left out. */
export function settingsDigest(settings: Settings<unknown>): string {
  const shown = Object.fromEntries(settings.explain().map(one => [one.setting, one.shown]))
  return createHash('sha256').update(canonicalJson(shown)).digest('base64url').slice(0, 16)
}
