import { startTimer, type StartTimer } from '@sallyport/security-context/mechanics'

/** Levels that can be set while a process runs. `silent` is none of them: nobody hides what happens. */
export const SETTABLE_LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const

/** How long a level lasts that a signal has set, in ms: nobody is there to take it back. */
export const SIGNALLED_LEVEL_MS = 15 * 60_000

/** What the log of a process writes now. */
export interface LogLevelState {
  readonly level: string
  /** What it writes when nobody has asked for another level: that of the settings. */
  readonly usual: string
  /** When it goes back to the usual level, in ms since 1970; `null` when it does not by itself. */
  readonly untilMs: number | null
}

/** The level of the log of one process. */
export interface LogLevels {
  readonly state: () => LogLevelState
  /** @param forMs after this it is the usual one again; `null`: until somebody says otherwise */
  readonly set: (level: string, forMs: number | null) => void
  /** The usual level from now on, unless another one is asked for at the moment. */
  readonly setUsual: (level: string) => void
  /** One step closer to `trace`, from there back to the usual level; for a quarter of an hour. */
  readonly cycle: () => void
  readonly stop: () => void
}

/** What {@link createLogLevels} works on. */
export interface LogLevelsOptions {
  /** Its `level` is the one. */
  readonly log: { level: string; readonly warn: (detail: object, message: string) => void }
  readonly clock?: () => number
  readonly timer?: StartTimer
}

/** Changes the level of a log while the process runs, and takes it back in time. Each change is a line of the log. */
export function createLogLevels({ log, clock = Date.now, timer = startTimer }: LogLevelsOptions): LogLevels {
  let usual = log.level
  let isUsual = true
  let untilMs: number | null = null
  let restoring: { readonly stop: () => void } | null = null

  function change(level: string, why: string): void {
    const from = log.level
    if (from === level) return
    // Said at the level that shows more of both: a line that nobody sees would explain nothing.
    const isLouder = levelNumber(level) < levelNumber(from)
    if (isLouder) log.level = level
    log.warn({ from, to: level, until: untilMs === null ? null : new Date(untilMs).toISOString() }, why)
    log.level = level
  }

  function forgetRestoring(): void {
    restoring?.stop()
    restoring = null
    untilMs = null
  }

  function restore(): void {
    forgetRestoring()
    isUsual = true
    change(usual, 'the log is at its usual level again')
  }

  function set(level: string, forMs: number | null): void {
    forgetRestoring()
    isUsual = level === usual
    if (forMs !== null && !isUsual) {
      untilMs = clock() + forMs
      restoring = timer(restore, forMs)
    }
    change(level, 'the level of the log was changed')
  }

  return {
    state: () => ({ level: log.level, usual, untilMs }),
    set,
    setUsual: level => {
      usual = level
      if (isUsual) restore()
    },
    cycle: () => {
      const next = SETTABLE_LOG_LEVELS[SETTABLE_LOG_LEVELS.findIndex(name => name === log.level) + 1]
      if (next === undefined) restore()
      else set(next, SIGNALLED_LEVEL_MS)
    },
    stop: forgetRestoring
  }
}

/** 0 for `trace`; more for what shows less, `silent` most of all. */
function levelNumber(level: string): number {
  const place = SETTABLE_LOG_LEVELS.findIndex(name => name === level)
  return place === -1 ? SETTABLE_LOG_LEVELS.length : SETTABLE_LOG_LEVELS.length - 1 - place
}
