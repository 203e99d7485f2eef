import type { KeySource, StatusReference, StatusSource } from '@sallyport/security-context'
import type { Dispatcher } from 'undici'
import { InvalidOptionsError } from './errors.ts'
import { fetchDocument, isSecureUrl, type Connection, type Fetch } from './fetch-document.ts'
import { messageOf, warn, type Log } from './jwks-key-source.ts'
import { readStatusList, statusBit, type StatusList } from './status-list.ts'

/** Whose status lists are followed, and how closely. */
export interface StatusListSourceOptions {
  /** `iss` of the lists, where they have one. */
  readonly issuer: string
  readonly keys: KeySource
  /** Which list addresses may be fetched: a prefix that ends in `/`, or a decision. Everything else is never fetched. */
  readonly allowedUris: string | ((uri: string) => boolean)
  readonly dispatcher?: Dispatcher
  /** Time between two looks at a list, in ms; less when a list's `ttl` says so. Default 1000. */
  readonly pollMs?: number
  /** How long the last good list is used while no newer one can be had, in ms. Default 300 000. */
  readonly maxStalenessMs?: number
  /** Time for one fetch, in ms. Default 2000. */
  readonly timeoutMs?: number
  /** Largest unpacked list, in bytes. Default 1 MiB: eight million tokens. */
  readonly maxListBytes?: number
  readonly fetch?: Fetch
  /** The time in ms since 1970. Default `Date.now`. */
  readonly clock?: () => number
  readonly log?: Log
}

interface FollowedList {
  list: StatusList | null
  confirmedAtMs: number
  attemptedAtMs: number
  etag: string | null
  inFlight: Promise<void> | null
  timer: NodeJS.Timeout | null
  failing: boolean
}

/** Lists are named by verified tokens only; this bounds what a misbehaving issuer costs. */
const MAX_LISTS = 1000

/**
 * Follows signed status lists by polling with conditional requests. Many tokens share one list, so a revocation is
 * seen within about `pollMs` without a call per request.
 * @throws {InvalidOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`
 * @see draft-ietf-oauth-status-list
 */
export function createStatusListSource (options: StatusListSourceOptions): StatusSource {
  const { clock = Date.now, pollMs = 1000, maxStalenessMs = 300_000, log = warn } = options
  const isAllowed = allowance(options.allowedUris)
  const connection: Connection = { timeoutMs: 2000, ...options }
  const maxBytes = options.maxListBytes ?? 1024 * 1024
  const lists = new Map<string, FollowedList>()
  let closed = false

  /** Looks at the list now, unless somebody is at it. Never rejects. */
  function refresh (uri: string, followed: FollowedList): Promise<void> {
    followed.inFlight ??= attempt(uri, followed).finally(() => { followed.inFlight = null })
    return followed.inFlight
  }

  async function attempt (uri: string, followed: FollowedList): Promise<void> {
    const startedAtMs = clock()
    followed.attemptedAtMs = startedAtMs
    try {
      await load(uri, followed, startedAtMs)
      followed.failing = false
    } catch (error) {
      // Once per outage, not once per poll.
      if (!followed.failing) log('a status list could not be fetched', { uri, error: messageOf(error) })
      followed.failing = true
    }
    schedule(uri, followed)
  }

  async function load (uri: string, followed: FollowedList, startedAtMs: number): Promise<void> {
    const headers: Record<string, string> = { accept: 'application/statuslist+jwt' }
    if (followed.etag !== null && isUnexpired(followed.list)) headers['if-none-match'] = followed.etag
    const answer = await fetchDocument(uri, connection, maxBytes * 2, { headers })
    if (answer.status !== 304 || headers['if-none-match'] === undefined) {
      if (answer.status !== 200) throw new Error(`status ${answer.status}`)
      const list = await readStatusList(answer.body.toString('latin1').trim(), { uri, issuer: options.issuer, keys: options.keys, maxBytes, nowSeconds: startedAtMs / 1000 })
      // An older list would give revoked tokens back: an attacker on the way, or a lagging replica.
      if (followed.list !== null && list.issuedAtSeconds < followed.list.issuedAtSeconds) throw new Error('older than the list seen before')
      followed.list = list
      followed.etag = answer.headers.get('etag')
    }
    followed.confirmedAtMs = startedAtMs
  }

  function schedule (uri: string, followed: FollowedList): void {
    if (closed) return
    if (followed.timer !== null) clearTimeout(followed.timer)
    const ttlMs = (followed.list?.ttlSeconds ?? Number.POSITIVE_INFINITY) * 1000
    followed.timer = setTimeout(() => { void refresh(uri, followed) }, Math.max(Math.min(pollMs, ttlMs), 1))
    followed.timer.unref()
  }

  const isUnexpired = (list: StatusList | null): boolean => list !== null && (list.expiresAtSeconds === null || clock() < list.expiresAtSeconds * 1000)

  async function follow ({ uri, index }: StatusReference): Promise<void> {
    const known = lists.get(uri)
    if (known !== undefined) {
      // A list may have grown since; whoever asks for a bit beyond its end causes at most one look per poll.
      const tooShort = known.list !== null && statusBit(known.list, index) === null
      if (known.inFlight !== null && (known.list === null || tooShort)) await known.inFlight
      else if (!closed && tooShort && clock() - known.attemptedAtMs >= pollMs) await refresh(uri, known)
      return
    }
    if (closed || lists.size >= MAX_LISTS || !isAllowed(uri)) return
    const followed: FollowedList = { list: null, confirmedAtMs: clock(), attemptedAtMs: clock(), etag: null, inFlight: null, timer: null, failing: false }
    lists.set(uri, followed)
    await refresh(uri, followed)
  }

  function check ({ uri, index }: StatusReference): 'valid' | 'revoked' | 'unavailable' {
    const followed = lists.get(uri)
    if (followed === undefined || followed.list === null || !isUnexpired(followed.list)) return 'unavailable'
    const bit = statusBit(followed.list, index)
    // A revocation does not get old; only "not revoked" does.
    if (bit === 1) return 'revoked'
    return bit === null || clock() - followed.confirmedAtMs > maxStalenessMs ? 'unavailable' : 'valid'
  }

  function ageMs (): number | null {
    const confirmed = [...lists.values()].map(({ confirmedAtMs }) => confirmedAtMs)
    return confirmed.length === 0 ? null : clock() - Math.min(...confirmed)
  }

  async function close (): Promise<void> {
    closed = true
    for (const { timer } of lists.values()) if (timer !== null) clearTimeout(timer)
    await Promise.all([...lists.values()].map(({ inFlight }) => inFlight))
  }

  return { follow, check, ageMs, close }
}

function allowance (allowed: string | ((uri: string) => boolean)): (uri: string) => boolean {
  if (typeof allowed === 'string' && !(isSecureUrl(allowed) && allowed.endsWith('/'))) throw new InvalidOptionsError('allowedUris must be an https URL (http only on loopback) that ends in /')
  const decide = typeof allowed === 'string' ? (uri: string) => uri.startsWith(allowed) : allowed
  // Only in its one canonical form is an address what it seems to be: no dot segments, no user part.
  return uri => isSecureUrl(uri) && new URL(uri).href === uri && decide(uri)
}
