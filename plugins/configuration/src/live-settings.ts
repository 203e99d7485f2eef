import type { ReloadSubscriber } from '@sallyport/security-context/mechanics'
import type { ExplainedSetting } from './describe.ts'
import type { DeepReadonly } from './deep-readonly.ts'

/** What became of the settings since the process started. */
export interface LiveSettingsState {
  /** 1 at the start, one more with each change. */
  readonly version: number
  /** The same in all processes whose settings, secrets left out, are the same. */
  readonly digest: string
  readonly changed: number
  readonly refused: number
  /** Why the last change was refused, without secrets; `null` when none was since the last one that was taken. */
  readonly lastRefusal: string | null
}

/** The settings of a running process; those that are marked `live` may change. */
export interface LiveSettings<T> {
  /** Frozen; another object after a change. Read it when it is used, and do not keep it. */
  readonly current: DeepReadonly<T>
  readonly version: number
  readonly state: () => LiveSettingsState
  /** Values that may be printed, and their origins. */
  readonly explain: () => readonly ExplainedSetting[]
  /**
   * Takes part in every change: all subscribers validate, then all switch, or nothing changes. The returned function
   * ends it.
   */
  readonly subscribe: (subscriber: ReloadSubscriber<DeepReadonly<T>>) => () => void
}
