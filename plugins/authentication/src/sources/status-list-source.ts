import type { KeySource, StatusReference, StatusSource } from '@sallyport/security-context'
import {
  messageWithCause,
  type Log,
  startTimer as startProcessTimer,
  type StartTimer
} from '@sallyport/security-context/mechanics'
import { WARNINGS } from '../warnings.ts'
import { LRUCache } from 'lru-cache'
import type { Dispatcher } from 'undici'
import { InvalidOptionsError } from '../errors.ts'
import { fetchDocument, type Connection, type Fetch } from './fetch-document.ts'
import { statusListAddresses } from './status-list-addresses.ts'
import { readStatusList, statusBit, type StatusList } from './status-list.ts'

/** Whose status lists are followed, and how closely. */
export interface StatusListSourceOptions {
  /** `iss` of the lists, where they have one. */
  readonly issuer: string
  readonly keys: KeySource
  /**
   * Which addresses are status lists: the prefix of all of them, which ends in `/` and is followed by one path segment,
   * or a
   * decision. Everything else is never fetched.
   */
  readonly allowedUris: string | ((uri: string) => boolean)
  readonly dispatcher?: Dispatcher
  /** Time between two looks at a list, in ms; less when a list's `ttl` says so. Default 1000. */
  readonly pollMs?: number
  /** How long the last good list is used while no newer one can be had, in ms. Default 300 000. */
  readonly maxStalenessMs?: number
  /**
   * A list is let go of when no token named it for this long, in ms: the longest life of an access token. Default 900
   * 000.
   */
  readonly unusedAfterMs?: number
  /** How many lists are followed; past it the one used longest ago is let go of. Default 1000. */
  readonly maxLists?: number
  /** Time for one fetch, in ms. Default 2000. */
  readonly timeoutMs?: number
  /** Largest unpacked list, in bytes. Default 1 MiB: eight million tokens. */
  readonly maxListBytes?: number
  readonly fetch?: Fetch
  /** The time in ms since 1970. Default `Date.now`. */
  readonly clock?: () => number
  /** Starts the wait for the next look. Default: a timer of the process. */
  readonly startTimer?: StartTimer
  readonly log?: Log
}

/** Status lists, and how many of them are followed now. */
export interface StatusListSource extends StatusSource {
  readonly size: () => number
}

interface FollowedList {
  list: StatusList | null
  /** `iat` of the newest list that was ever seen here: an older one is not believed. */
  newestIssuedAtSeconds: number
  confirmedAtMs: number
  attemptedAtMs: number
  /** When a token last named this list. */
  usedAtMs: number
  etag: string | null
  inFlight: Promise<void> | null
  timer: { readonly stop: () => void } | null
  failing: boolean
  /** How many answers in a row said that there is no such list. */
  timesGone: number
}

/** A list that is gone is asked for at growing intervals up to this. */
const MAX_GONE_MS = 60_000
/** Lists that were let go of and whose age is remembered: a few bytes each. */
const MAX_REMEMBERED = 10_000

/**
 * Follows signed status lists by polling with conditional requests. Many tokens share one list, so a revocation is
 * seen within about `pollMs` without a call per request.
 *
 * A list is followed because tokens name it, and no longer than they do. Letting go never accepts anything: the next
 * token
 * of the list waits until it has been fetched anew.
 * @throws {InvalidOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`
 * @see draft-ietf-oauth-status-list
 */
export function createStatusListSource(options: StatusListSourceOptions): StatusListSource {
  const { clock = Date.now, startTimer = startProcessTimer, log = WARNINGS } = options
  const { pollMs = 1000, maxStalenessMs = 300_000, unusedAfterMs = 900_000, maxLists = 1000 } = options
  if (!(unusedAfterMs > 0)) throw new InvalidOptionsError('unusedAfterMs must be positive')
  if (!Number.isSafeInteger(maxLists) || maxLists < 1) {
    throw new InvalidOptionsError('maxLists must be a positive integer')
  }
  const isAllowed = statusListAddresses(options.allowedUris, options.issuer)
  const connection: Connection = { timeoutMs: 2000, ...options }
  const maxBytes = options.maxListBytes ?? 1024 * 1024
  const lists = new Map<string, FollowedList>()
  const letGo = new LRUCache<string, number>({ max: MAX_REMEMBERED })
  const flights = new Set<Promise<void>>()
  let closed = false

  /** Looks at the list now, unless somebody is at it. Never rejects. */
  function refresh(uri: string, followed: FollowedList): Promise<void> {
    if (followed.inFlight !== null) return followed.inFlight
    const flight = attempt(uri, followed).finally(() => {
      followed.inFlight = null
      flights.delete(flight)
    })
    followed.inFlight = flight
    flights.add(flight)
    return flight
  }

  async function attempt(uri: string, followed: FollowedList): Promise<void> {
    const startedAtMs = clock()
    followed.attemptedAtMs = startedAtMs
    try {
      await load(uri, followed, startedAtMs)
      followed.failing = false
    } catch (error) {
      // Once per outage, not once per poll.
      if (!followed.failing) log('a status list could not be fetched', { uri, error: messageWithCause(error) })
      followed.failing = true
    }
    schedule(uri, followed)
  }

  async function load(uri: string, followed: FollowedList, startedAtMs: number): Promise<void> {
    const headers: Record<string, string> = { accept: 'application/statuslist+jwt' }
    if (followed.etag !== null && isUnexpired(followed.list)) headers['if-none-match'] = followed.etag
    const answer = await fetchDocument(uri, connection, maxBytes * 2, { headers })
    followed.timesGone = answer.status === 404 || answer.status === 410 ? followed.timesGone + 1 : 0
    if (answer.status !== 304 || headers['if-none-match'] === undefined) {
      if (answer.status !== 200) throw new Error(`status ${answer.status}`)
      const list = await readStatusList(answer.body.toString('latin1').trim(), {
        uri,
        issuer: options.issuer,
        keys: options.keys,
        maxBytes,
        nowSeconds: startedAtMs / 1000
      })
      // An older list would give revoked tokens back: an attacker on the way, or a lagging replica.
      if (list.issuedAtSeconds < followed.newestIssuedAtSeconds) throw new Error('older than the list seen before')
      followed.newestIssuedAtSeconds = list.issuedAtSeconds
      followed.list = list
      followed.etag = answer.headers.get('etag')
    }
    followed.confirmedAtMs = startedAtMs
  }

  function schedule(uri: string, followed: FollowedList): void {
    followed.timer?.stop()
    if (closed || lists.get(uri) !== followed) return
    followed.timer = startTimer(
      () => {
        lookAgain(uri, followed)
      },
      Math.max(nextLookMs(followed), 1)
    )
  }

  function nextLookMs({ list, timesGone }: FollowedList): number {
    if (timesGone > 0) return Math.max(Math.min(pollMs * 2 ** timesGone, MAX_GONE_MS), pollMs)
    return Math.min(pollMs, (list?.ttlSeconds ?? Number.POSITIVE_INFINITY) * 1000)
  }

  function lookAgain(uri: string, followed: FollowedList): void {
    if (clock() - followed.usedAtMs >= unusedAfterMs) forget(uri, followed)
    else void refresh(uri, followed)
  }

  function forget(uri: string, followed: FollowedList): void {
    followed.timer?.stop()
    lists.delete(uri)
    if (followed.newestIssuedAtSeconds > 0) letGo.set(uri, followed.newestIssuedAtSeconds)
  }

  function makeRoom(): void {
    if (lists.size < maxLists) return
    const [[uri, followed] = []] = [...lists].sort(([, one], [, other]) => one.usedAtMs - other.usedAtMs)
    if (uri !== undefined && followed !== undefined) forget(uri, followed)
  }

  const isUnexpired = (list: StatusList | null): boolean =>
    list !== null && (list.expiresAtSeconds === null || clock() < list.expiresAtSeconds * 1000)

  async function follow({ uri, index }: StatusReference): Promise<void> {
    const known = lists.get(uri)
    if (known === undefined) {
      if (!closed && isAllowed(uri)) await begin(uri)
      return
    }
    known.usedAtMs = clock()
    // A list may have grown since; whoever asks for a bit beyond its end causes at most one look per poll.
    const tooShort = known.list !== null && statusBit(known.list, index) === null
    if (known.inFlight !== null && (known.list === null || tooShort)) await known.inFlight
    else if (!closed && tooShort && clock() - known.attemptedAtMs >= pollMs) await refresh(uri, known)
  }

  async function begin(uri: string): Promise<void> {
    makeRoom()
    const now = clock()
    const followed: FollowedList = {
      list: null,
      newestIssuedAtSeconds: letGo.get(uri) ?? 0,
      confirmedAtMs: now,
      attemptedAtMs: now,
      usedAtMs: now,
      etag: null,
      inFlight: null,
      timer: null,
      failing: false,
      timesGone: 0
    }
    lists.set(uri, followed)
    await refresh(uri, followed)
  }

  function check({ uri, index }: StatusReference): 'valid' | 'revoked' | 'unavailable' {
    const followed = lists.get(uri)
    if (followed === undefined) return 'unavailable'
    followed.usedAtMs = clock()
    if (followed.list === null || !isUnexpired(followed.list)) return 'unavailable'
    const bit = statusBit(followed.list, index)
    // A revocation does not get old; only "not revoked" does.
    if (bit === 1) return 'revoked'
    return bit === null || clock() - followed.confirmedAtMs > maxStalenessMs ? 'unavailable' : 'valid'
  }

  function ageMs(): number | null {
    const confirmed = [...lists.values()].map(({ confirmedAtMs }) => confirmedAtMs)
    return confirmed.length === 0 ? null : clock() - Math.min(...confirmed)
  }

  async function close(): Promise<void> {
    closed = true
    for (const { timer } of lists.values()) timer?.stop()
    await Promise.all(flights)
  }

  return { follow, check, ageMs, close, size: () => lists.size }
}
