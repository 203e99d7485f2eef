import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import type { DpopKey, EndUserConnection, KeySource, TokenSet } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import { LRUCache } from 'lru-cache'
import { SessionEndedError } from '../errors.ts'
import { hasTokenCode } from '../failure-kinds.ts'
import type { LoginEntry } from '../login/login-entry.ts'
import { tokenRequestFailure } from '../token-request-failure.ts'
import { verifyFresh, verifyOrNull, type VerifiedToken } from '../tokens/verified-token.ts'
import type { StrangerGate } from '../stranger-gate.ts'
import type { TokenVerifier } from '../tokens/verify-token.ts'
import type { NamedValue } from './cookie-chunks.ts'
import type { CookieJar } from './cookie-jar.ts'
import type { ReadSessionOptions } from './options.ts'

/** What the plugin gives its sessions. */
export interface SessionTools {
  readonly verifier: TokenVerifier
  /** Keys of the issuer, where the plugin knows them. */
  readonly keys: KeySource | null
  readonly login: LoginEntry
  readonly gate: StrangerGate
}

/** A session with new tokens. */
export interface RenewedSession extends VerifiedToken {
  readonly tokens: TokenSet
  /** The new cookies of the session with this pairing id; the same bytes for everybody who shares this refresh. */
  readonly cookies: (pairingId: string) => readonly NamedValue[]
}

/** Who asks for a refresh, and what of. */
export interface Asking {
  readonly connection: EndUserConnection
  /** An access token that the issuer refuses: a remembered refresh that gave it does not count. */
  readonly refusedToken?: string | undefined
  /** What the tokens of the session are bound to. */
  readonly dpopKey?: DpopKey | null
  /** Who presents a refresh token that nobody sealed, as `sourceOf` names it. */
  readonly source?: string
}

/** Refreshes sessions, once for all requests that ask for the same. */
export interface SessionRefresher {
  /**
   * @throws `SALLYPORT_AUTHENTICATION_SESSION_ENDED` (401), `…_THROTTLED` (429), `…_SERVER_UNAVAILABLE` (503), or what
   * the verifier throws (503)
   */
  readonly refresh: (refreshToken: string, asking: Asking) => Promise<RenewedSession>
  /** Notes a refresh token of the authorization server: who presents it later is no stranger. */
  readonly remember: (tokens: TokenSet) => void
  /** Whether the authorization server gave this refresh token to this process. */
  readonly isRemembered: (refreshToken: string) => boolean
  /**
   * Forgets what is remembered of this refresh token and of its successors. Returns the newest of them, the one to
   * revoke.
   */
  readonly forget: (refreshToken: string) => string
  readonly counts: () => RefreshCounts
}

/** What became of sessions whose access token had to be renewed, since the start. */
export interface RefreshCounts {
  /** Sessions that were due, each refresh token once. */
  readonly due: number
  /** Refresh tokens that the authorization server took. */
  readonly success: number
  /** Refresh tokens that it refused. */
  readonly rejected: number
  /** Requests that it did not answer. */
  readonly unavailable: number
}

/** A rejected refresh token is refused for this long without asking again; it never becomes good. */
const REJECTED_MS = 5000
const MAX_REMEMBERED_REFRESHES = 10_000

interface Retained {
  readonly renewed: RenewedSession
  readonly untilMs: number
}

/**
 * One refresh per refresh token at a time, and its result kept for a short while: of the requests that a browser sends
 * at once, the late ones still carry the old cookies and must get the new ones too.
 * @param seal makes the cookies of new tokens
 */
export function createSessionRefresher(
  options: ReadSessionOptions,
  { verifier, gate }: Pick<SessionTools, 'verifier' | 'gate'>,
  seal: CookieJar['seal']
): SessionRefresher {
  const { tokenClient, clock } = options
  const macKey = createSecretKey(randomBytes(32))
  const flights = new Map<string, Promise<RenewedSession>>()
  const retained = new LRUCache<string, Retained>({ max: options.maxRetained })
  const rejectedUntilMs = new LRUCache<string, number>({ max: MAX_REMEMBERED_REFRESHES })
  const issued = new LRUCache<string, true>({ max: MAX_REMEMBERED_REFRESHES })
  const noted = new LRUCache<string, true>({ max: MAX_REMEMBERED_REFRESHES })
  const counts = { due: 0, success: 0, rejected: 0, unavailable: 0 }
  const keyOfRefreshToken = (refreshToken: string): string =>
    createHmac('sha256', macKey).update(refreshToken).digest('base64url')

  async function refresh(refreshToken: string, asking: Asking): Promise<RenewedSession> {
    const known = newest(refreshToken)
    const isOther = known !== null && known.accessToken !== asking.refusedToken
    if (isOther && (await verifyOrNull(verifier, known.accessToken, asking.dpopKey)) !== null) return known
    const current = known?.tokens.refreshToken ?? refreshToken
    const key = keyOfRefreshToken(current)
    const flight = flights.get(key) ?? renew(key, current, asking).finally(() => flights.delete(key))
    flights.set(key, flight)
    return await flight
  }

  /** The last remembered successor of this refresh token. */
  function newest(refreshToken: string): RenewedSession | null {
    let found: RenewedSession | null = null
    for (const { renewed } of successors(refreshToken)) found = renewed
    return found
  }

  /**
   * The remembered refreshes from this token on. Ends at a token that succeeds itself (a server that does not rotate).
   */
  function* successors(refreshToken: string): Generator<{ key: string; renewed: RenewedSession }> {
    const seen = new Set<string>()
    for (let key = keyOfRefreshToken(refreshToken); !seen.has(key);) {
      const entry = retained.get(key)
      if (entry === undefined || entry.untilMs <= clock()) return
      seen.add(key)
      yield { key, renewed: entry.renewed }
      if (entry.renewed.tokens.refreshToken !== null) key = keyOfRefreshToken(entry.renewed.tokens.refreshToken)
    }
  }

  async function renew(key: string, refreshToken: string, asking: Asking): Promise<RenewedSession> {
    const tokens = await requested(key, refreshToken, asking)
    remember(tokens)
    const verified = await verifyFresh(verifier, tokens, asking.dpopKey)
    const sealed = new Map<string, readonly NamedValue[]>()
    const cookies = (pairingId: string): readonly NamedValue[] => {
      const values = sealed.get(pairingId) ?? seal(tokens, pairingId)
      // Only the first is kept: a refresh token was sealed into the cookies of one session.
      if (sealed.size === 0) sealed.set(pairingId, values)
      return values
    }
    const renewed = { ...verified, tokens, cookies }
    if (options.refreshRetentionMs > 0) retained.set(key, { renewed, untilMs: clock() + options.refreshRetentionMs })
    return renewed
  }

  async function requested(key: string, refreshToken: string, asking: Asking): Promise<TokenSet> {
    const { connection, source } = asking
    if ((rejectedUntilMs.get(key) ?? 0) > clock()) {
      throw new SessionEndedError({ cause: new Error('rejected a moment ago') })
    }
    noteDue(key)
    const stranger = source === undefined || issued.has(key) ? null : source
    try {
      const request = { refreshToken, connection, ...defined({ dpopKey: asking.dpopKey ?? undefined }) }
      const tokens = await gate.pass(stranger, async () => await tokenClient.refresh(request))
      counts.success++
      // A server that does not rotate sends none: the old one stays good. RFC 6749 §6.
      return tokens.refreshToken === null ? { ...tokens, refreshToken } : tokens
    } catch (error) {
      const isRejected = hasTokenCode(error, 'SALLYPORT_TOKEN_REJECTED')
      counts[isRejected ? 'rejected' : 'unavailable']++
      if (!isRejected) throw tokenRequestFailure(error)
      rejectedUntilMs.set(key, clock() + REJECTED_MS)
      throw new SessionEndedError({ cause: error })
    }
  }

  /** A token that is presented again, after an outage or by a request that comes late, was due before. */
  function noteDue(key: string): void {
    if (noted.has(key)) return
    noted.set(key, true)
    counts.due++
  }

  function remember({ refreshToken }: TokenSet): void {
    if (refreshToken !== null) issued.set(keyOfRefreshToken(refreshToken), true)
  }

  function forget(refreshToken: string): string {
    const latest = newest(refreshToken)?.tokens.refreshToken ?? refreshToken
    for (const { key } of [...successors(refreshToken)]) retained.delete(key)
    return latest
  }

  return {
    refresh,
    forget,
    remember,
    isRemembered: refreshToken => issued.has(keyOfRefreshToken(refreshToken)),
    counts: () => ({ ...counts })
  }
}
