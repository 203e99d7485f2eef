import { LRUCache } from 'lru-cache'
import type { DpopKey, KnownCaller } from '@sallyport/security-context'
import { forgetOldest } from '@sallyport/security-context/mechanics'
import { endsSoon, recallToken } from '../tokens/verified-token.ts'
import type { SealedCookies } from './cut-cookies.ts'
import type { LoginFacts } from './pairing.ts'
import type { SessionCore } from './session-core.ts'

type Sealed = Extract<SealedCookies, { readonly kind: 'sealed' }>

/** Sessions whose cookies were unsealed before, by the sealed access token. */
export interface KnownSessions {
  /**
   * The caller of these cookies; `null` when they have to be unsealed: they are not known, they did not come together,
   * or their token is refused, about to expire or of a session that ended.
   */
  readonly recall: (cookies: Sealed) => RecalledSession | null
  /** Notes whose cookies these are, which were found to be of one session. */
  readonly remember: (cookies: Sealed, session: UnsealedSession) => void
}

/** A known caller, and how its session began. */
export interface RecalledSession {
  readonly caller: KnownCaller
  readonly login: LoginFacts
  /** What its tokens are bound to. */
  readonly dpopKey: DpopKey | null
}

/** What was in the cookies of a caller. */
export interface UnsealedSession extends RecalledSession {
  readonly pairingId: string
}

interface KnownSession {
  /** The refresh token stays sealed: only a refresh needs it. */
  readonly refresh: string | null
  readonly accessToken: string
  readonly login: LoginFacts
  readonly pairingId: string
  readonly dpopKey: DpopKey | null
  readonly expiresAtMs: number
}

const MAX_KNOWN_SESSIONS = 5000

/** The pair of cookies is known or neither: that they belong together was found out about these two. */
export function createKnownSessions({ options, verifier, ended }: SessionCore): KnownSessions {
  const { clock, refreshAheadSeconds, refreshSpread } = options
  const sessions = new LRUCache<string, KnownSession>({ max: MAX_KNOWN_SESSIONS })

  return {
    recall({ access, refresh }) {
      const known = access === null ? undefined : sessions.get(access)
      if (known === undefined || known.refresh !== refresh) return null
      const caller = recallToken(verifier, known.accessToken, known.dpopKey === null ? undefined : 'confirmed')
      if (caller === null) return null
      const { sessionId } = caller.principal
      if (ended.has({ pairingId: known.pairingId, sessionId })) return null
      const isDue = endsSoon(caller.principal, clock(), refreshAheadSeconds, refreshSpread)
      return isDue ? null : { caller, login: known.login, dpopKey: known.dpopKey }
    },
    remember({ access, refresh }, { caller: { principal, accessToken }, login, pairingId, dpopKey }) {
      if (access === null) return
      const expiresAtMs = (principal.expiresAtSeconds ?? Number.POSITIVE_INFINITY) * 1000
      sessions.set(access, { refresh, accessToken, login, pairingId, dpopKey, expiresAtMs })
      forgetOldest(sessions, other => clock() >= other.expiresAtMs)
    }
  }
}
