import { errorCode } from '@sallyport/security-context/mechanics'
import { redactLine } from '../redact.ts'
import { boundText } from '../redact-text.ts'
import { errorName, fingerprintException } from './fingerprint-exception.ts'
import { errorText, stackLines, stackText } from './stack-lines.ts'

/** Where an exception came from: a request that was answered with 5xx, or the process. */
export type ExceptionOrigin = 'request' | 'process'

/** Where it happened, as far as that is known. */
export interface ExceptionPlace {
  readonly origin: ExceptionOrigin
  /** `GET /orders/:orderId`: never the path. */
  readonly route?: string
  readonly traceId?: string
  readonly requestId?: string
}

/** All occurrences of one failure in this process. What may hold a secret is hidden. */
export interface ExceptionGroup {
  /** 16 hexadecimal digits: the same in every process and release. */
  readonly fingerprint: string
  readonly name: string
  readonly code: string | null
  /** Of the latest occurrence. */
  readonly message: string
  /** Of the latest occurrence. */
  readonly stack: string | null
  /** Version and commit of what runs. */
  readonly release: string
  readonly firstSeen: string
  readonly lastSeen: string
  /** Since this process started. */
  readonly count: number
  /** Since the last report. */
  readonly sinceReport: number
  /** Of the latest occurrence. */
  readonly place: ExceptionPlace
}

/**
 * Where exceptions are reported: a log, a collector, a tracker. What it throws or rejects with is logged and nothing
 * else.
 */
export interface ExceptionSink {
  readonly report: (group: ExceptionGroup) => void | Promise<void>
}

/** What {@link createExceptionLog} works with. */
export interface ExceptionLogOptions {
  readonly release: string
  readonly sinks: readonly ExceptionSink[]
  /** A group is reported once in this time, in ms; its further occurrences are counted. */
  readonly windowMs: number
  /** Groups that are remembered; past it the one that was not seen for longest is forgotten. */
  readonly maxGroups: number
  readonly clock: () => number
  readonly onSinkFailure: (error: unknown) => void
}

/** The exceptions of one process. */
export interface ExceptionLog {
  /** Never throws, and waits for nothing. */
  readonly note: (error: unknown, place: ExceptionPlace) => void
  /** The latest seen first. */
  readonly groups: () => readonly ExceptionGroup[]
  /** How many of them there are. */
  readonly size: () => number
  readonly counts: () => Readonly<Record<ExceptionOrigin, number>>
  /** Reports what was counted and not reported yet. */
  readonly flush: () => void
  /** Reports to one more sink from now on. */
  readonly addSink: (sink: ExceptionSink) => void
}

/** What is kept of an occurrence: texts of bounded length, and not the error, which may hold on to anything. */
interface Occurrence {
  readonly name: string
  readonly code: string | null
  readonly message: string
  readonly stack: string | null
  readonly place: ExceptionPlace
}

interface Seen {
  latest: Occurrence
  readonly firstSeenMs: number
  lastSeenMs: number
  reportedAtMs: number
  count: number
  sinceReport: number
}

/** In one window, of all groups together. */
const MOST_REPORTS = 200
const MOST_STACK_LINES = 20
const LONGEST_STACK = 8192
const LONGEST_KEPT_MESSAGE = 2048
const LONGEST_ERROR_CODE = 128

/**
 * Groups exceptions by their fingerprint, and reports the first of a group at once and the others together, so that a
 * failure that every request meets does not fill the log or a tracker.
 */
export function createExceptionLog(options: ExceptionLogOptions): ExceptionLog {
  const { clock, windowMs } = options
  const sinks = [...options.sinks]
  /** In the order in which they were last seen. */
  const groups = new Map<string, Seen>()
  const counts = { request: 0, process: 0 }
  const budget = { sinceMs: Number.NEGATIVE_INFINITY, reports: 0 }

  /** Failures that are new each time must not fill what a failure that comes again does not. */
  function isWithinBudget(): boolean {
    const nowMs = clock()
    if (nowMs - budget.sinceMs >= windowMs) Object.assign(budget, { sinceMs: nowMs, reports: 0 })
    return budget.reports++ < MOST_REPORTS
  }

  function see(fingerprint: string, latest: Occurrence): Seen {
    const nowMs = clock()
    const known = groups.get(fingerprint)
    const seen = known ?? { latest, firstSeenMs: nowMs, lastSeenMs: 0, reportedAtMs: 0, count: 0, sinceReport: 0 }
    if (known === undefined) seen.reportedAtMs = Number.NEGATIVE_INFINITY
    seen.latest = latest
    seen.lastSeenMs = nowMs
    seen.count++
    seen.sinceReport++
    groups.delete(fingerprint)
    groups.set(fingerprint, seen)
    return seen
  }

  function forgetOldestGroup(): void {
    if (groups.size <= options.maxGroups) return
    const [oldest] = groups
    if (oldest === undefined) return
    const [fingerprint, seen] = oldest
    groups.delete(fingerprint)
    if (seen.sinceReport > 0 && isWithinBudget()) report(fingerprint, seen)
  }

  function report(fingerprint: string, seen: Seen): void {
    const group = describe(fingerprint, seen, options.release)
    seen.reportedAtMs = clock()
    seen.sinceReport = 0
    for (const sink of sinks) void reportTo(sink, group)
  }

  async function reportTo(sink: ExceptionSink, group: ExceptionGroup): Promise<void> {
    try {
      await sink.report(group)
    } catch (error) {
      options.onSinkFailure(error)
    }
  }

  return {
    note: (error, place) => {
      counts[place.origin]++
      const fingerprint = fingerprintException(error)
      const seen = see(fingerprint, occurrenceOf(error, place))
      if (clock() - seen.reportedAtMs >= windowMs && isWithinBudget()) report(fingerprint, seen)
      forgetOldestGroup()
    },
    groups: () => [...groups].reverse().map(([fingerprint, seen]) => describe(fingerprint, seen, options.release)),
    size: () => groups.size,
    counts: () => ({ ...counts }),
    addSink: sink => {
      sinks.push(sink)
    },
    flush: () => {
      for (const [fingerprint, seen] of groups) if (seen.sinceReport > 0) report(fingerprint, seen)
    }
  }
}

function occurrenceOf(error: unknown, place: ExceptionPlace): Occurrence {
  return {
    name: errorName(error),
    code: errorCode(error)?.slice(0, LONGEST_ERROR_CODE) ?? null,
    message: errorText(error).slice(0, LONGEST_KEPT_MESSAGE),
    stack: stackText(error) === null ? null : shownStack(error),
    place
  }
}

/** Without the message, which may be long and has a place of its own. */
function shownStack(error: unknown): string {
  const lines = stackLines(error).slice(0, MOST_STACK_LINES)
  return lines
    .map(line => `    at ${line}`)
    .join('\n')
    .slice(0, LONGEST_STACK)
}

/**
 * Made for a report and for whoever asks, not for each occurrence. A sink may be no log, so secrets are hidden here, as
 * in a line of the log.
 */
function describe(fingerprint: string, { latest, ...seen }: Seen, release: string): ExceptionGroup {
  const { message, ...occurrence } = latest
  const group: ExceptionGroup = {
    fingerprint,
    ...occurrence,
    message: boundText(message),
    release,
    firstSeen: new Date(seen.firstSeenMs).toISOString(),
    lastSeen: new Date(seen.lastSeenMs).toISOString(),
    count: seen.count,
    sinceReport: seen.sinceReport
  }
  const shown: ExceptionGroup = JSON.parse(redactLine(JSON.stringify(group)))
  return Object.freeze(shown)
}
