import { setTimeout as delay } from 'node:timers/promises'
import { isJsonObject, messageWithCause, parseJson } from '@sallyport/security-context/mechanics'
import { askElsewhere } from '../ask-elsewhere.ts'
import { readLiveEvents } from '../live/read-live-events.ts'
import { visibleText } from '../visible-text.ts'
import { EXIT, type AuditTerminal } from './audit-terminal.ts'
import {
  askedGateway,
  gatewayFilters,
  gatewayRefusal,
  isFoundRecord,
  showFound,
  type AskedGateway
} from './gateway-commands.ts'
import type { CommandEnvironment } from './open-trail.ts'
import type { CommandOptions } from './read-commands.ts'

/** A stream ends with the access of who asked, and is asked for again after this. */
const COME_BACK_MS = 2000
const FIRST_TAIL_PAUSE_MS = 1000
const LONGEST_TAIL_PAUSE_MS = 30_000
/** Together about three minutes: longer than a gateway takes to be replaced. */
const MOST_FAILURES = 10
/** The gateway says every 15 seconds that it is there. */
const TAIL_SILENCE_MS = 60_000
/** Answers after which the same question may be answered otherwise. */
const PASSING_STATUSES: readonly unknown[] = [429, 500, 502, 503, 504]

/** The gateway does not let this caller follow, and will not. */
class TailRefusedError extends Error {}

/**
 * `tail --gateway`: the trails of all processes as they grow, until it is interrupted. A stream that breaks is asked
 * for again from the last row that was shown, so that none is left out or shown twice; each time that is said on
 * standard
 * error, and the waits grow.
 * @returns never 0 but when it is interrupted: it rejects when the gateway refuses, did not answer the first time, or
 * fails too often in a row
 */
export async function tailAtGateway(
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  const gateway = askedGateway(options, environment)
  const filters = gatewayFilters(options)
  const signal = terminal.signal ?? new AbortController().signal
  const { wait = waitInTime } = terminal
  const place: TailPlace = { after: undefined, isReached: false, failures: 0 }
  while (!signal.aborted) {
    const broken = await readTail(gateway, filters, place, options, terminal).catch((error: unknown) => error)
    if (signal.aborted) break
    if (broken === undefined) {
      await wait(COME_BACK_MS, signal)
      continue
    }
    place.failures++
    if (!place.isReached || broken instanceof TailRefusedError) throw broken
    const why = visibleText(messageWithCause(broken))
    if (place.failures > MOST_FAILURES) {
      throw new Error(`the gateway was given up after ${MOST_FAILURES} attempts: ${why}`)
    }
    const waitMs = Math.min(LONGEST_TAIL_PAUSE_MS, FIRST_TAIL_PAUSE_MS * 2 ** (place.failures - 1))
    terminal.error(`the stream broke: ${why}; asking again in ${waitMs / 1000} s\n`)
    await wait(waitMs, signal)
  }
  return EXIT.done
}

/** How far a tail is. */
interface TailPlace {
  /** The id of the last event. */
  after: string | undefined
  /** The gateway has answered once. */
  isReached: boolean
  /** In a row, without an event between them. */
  failures: number
}

/** One stream, from the place on; resolves where it ends as streams do, and rejects where it breaks. */
async function readTail(
  gateway: AskedGateway,
  filters: Readonly<Record<string, string>>,
  place: TailPlace,
  options: CommandOptions,
  terminal: AuditTerminal
): Promise<void> {
  const { after } = place
  const text = new URLSearchParams({ ...filters, ...(after !== undefined && { after }) }).toString()
  const url = `${gateway.origin}/audit/events/live${text === '' ? '' : `?${text}`}`
  const signal = terminal.signal ?? new AbortController().signal
  const answer = await askElsewhere(url, { ...gateway, signal })
  if (answer.statusCode !== 200) {
    const refusal = await gatewayRefusal(answer.statusCode, answer)
    throw PASSING_STATUSES.includes(answer.statusCode) ? new Error(refusal) : new TailRefusedError(refusal)
  }
  place.isReached = true
  answer.socket.setTimeout(TAIL_SILENCE_MS, () => answer.destroy(new Error('the gateway says nothing')))
  let events = 0
  for await (const { id, event, data } of readLiveEvents(answer)) {
    events++
    if (id !== null) place.failures = 0
    if (data !== '') await showTailEvent(event, parseJson(data), options, terminal)
    place.after = id ?? place.after
  }
  if (events === 0) throw new Error('the stream ended at once')
}

async function showTailEvent(
  event: string,
  said: unknown,
  options: CommandOptions,
  { out, error }: AuditTerminal
): Promise<void> {
  if (event === 'audit' && isFoundRecord(said)) await out(showFound(said, options.json === true))
  else if (isJsonObject(said)) error(`${visibleText(`${event}: ${String(said.trail)} ${String(said.reason ?? '')}`)}\n`)
}

async function waitInTime(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {})
}
