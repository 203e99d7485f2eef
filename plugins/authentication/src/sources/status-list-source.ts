import type { StatusReference, StatusSource } from '@sallyport/security-context'
import { messageWithCause } from '@sallyport/security-context/mechanics'
import { LRUCache } from 'lru-cache'
import { fetchDocument, type Connection } from './fetch-document.ts'
import { readStatusListSourceOptions, type StatusListSourceOptions } from './source-options.ts'
import { statusListAddresses } from './status-list-addresses.ts'
import { readStatusList, statusBit, type VerifiedStatusList } from './status-list.ts'

/** Status lists, and how many of them are followed now. */
export interface StatusListSource extends StatusSource {
  readonly size: () => number
  /** Begins every wait anew, after `pollMs` has become another one. */
  readonly reschedule: () => void
}

interface FollowedList {
  list: VerifiedStatusList | null
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
const MAX_REMEMBERED_LISTS = 10_000

/**
 * Follows signed status lists by polling with conditional requests. Many tokens share one list, so a revocation is
 * seen within about `pollMs` without a call per request.
 *
 * A list is followed because tokens name it, and no longer than they do. Letting go never accepts anything: the next
 * token
 * of the list waits until it has been fetched anew.
 * @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`
 * @see draft-ietf-oauth-status-list
 */
export function createStatusListSource(given: StatusListSourceOptions): StatusListSource {
  const options = readStatusListSourceOptions(given)
  const { maxStalenessMs, unusedAfterMs, maxLists, maxListBytes: maxBytes } = options
  const { clock, startTimer, log } = options
  const { pollMs: poll } = options
  const pollMsOfNow = typeof poll === 'function' ? poll : () => poll
  const isAllowed = statusListAddresses(options.allowedUris)
  const connection: Connection = options
  const lists = new Map<string, FollowedList>()
  const letGo = new LRUCache<string, number>({ max: MAX_REMEMBERED_LISTS })
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
    const pollMs = pollMsOfNow()
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

  const isUnexpired = (list: VerifiedStatusList | null): boolean =>
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
    else if (!closed && tooShort && clock() - known.attemptedAtMs >= pollMsOfNow()) await refresh(uri, known)
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

  function reschedule(): void {
    for (const [uri, followed] of lists) if (followed.inFlight === null) schedule(uri, followed)
  }

  return { follow, check, ageMs, close, reschedule, size: () => lists.size }
}
