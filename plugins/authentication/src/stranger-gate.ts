import { withRetryAfter, type Clock } from '@sallyport/security-context/mechanics'
import { optionsObject, Type, type Static } from '@sallyport/security-context/options'
import { LRUCache } from 'lru-cache'
import { LogoutTokenRefusedError, ServerUnavailableError, ThrottledError } from './errors.ts'
import { hasTokenCode, isRefusal } from './failure-kinds.ts'

/**
 * How much of the authorization server callers may use who have nothing to show yet but a token that nobody here has
 * seen.
 */
export interface StrangerLimits {
  /**
   * Calls for one source at a time.
   * @default 8
   */
  readonly callsPerSource?: number
  /**
   * Refused calls that one source has at once; it regains as many per minute.
   * @default 30
   */
  readonly refusalsPerSource?: number
  /**
   * Calls for all strangers at a time.
   * @default 32
   */
  readonly calls?: number
  /**
   * Sources that are remembered; past it the one seen longest ago is forgotten.
   * @default 10_000
   */
  readonly maxSources?: number
}

const limit = (value: number) => Type.Integer({ minimum: 1, default: value })

export const strangerLimits = optionsObject(
  { callsPerSource: limit(8), refusalsPerSource: limit(30), calls: limit(32), maxSources: limit(10_000) },
  { default: {} }
)

/** Lets strangers' calls pass within limits, so that those of known callers find the authorization server free. */
export interface StrangerGate {
  /**
   * @param source who asks, as `sourceOf` names it; `null` for somebody who is known: passes at once
   * @param call one call of the authorization server
   * @param charge `refusals`: only a call that is refused counts; `always`: the answer tells nothing, each counts
   * @throws `SALLYPORT_AUTHENTICATION_THROTTLED` (429) past the limits of the source,
   * `SALLYPORT_AUTHENTICATION_SERVER_UNAVAILABLE` (503) past those of all, both with `Retry-After`; else what `call`
   * throws
   */
  readonly pass: <Result>(
    source: string | null,
    call: () => Promise<Result>,
    charge?: 'refusals' | 'always'
  ) => Promise<Result>
}

interface Source {
  left: number
  atMs: number
  calls: number
}

const MINUTE_MS = 60_000

/** @param clock ms since 1970 */
export function createStrangerGate(limits: Readonly<Static<typeof strangerLimits>>, clock: Clock): StrangerGate {
  const { callsPerSource, refusalsPerSource, calls: maxCalls, maxSources } = limits
  const regainMs = MINUTE_MS / refusalsPerSource
  const sources = new LRUCache<string, Source>({ max: maxSources })
  let calls = 0

  function enter(name: string): Source {
    const source = sources.get(name) ?? { left: refusalsPerSource, atMs: clock(), calls: 0 }
    sources.set(name, source)
    source.left = Math.min(source.left + Math.max(clock() - source.atMs, 0) / regainMs, refusalsPerSource)
    source.atMs = clock()
    if (source.left < 1) throw withRetryAfter(new ThrottledError(), ((1 - source.left) * regainMs) / 1000)
    if (source.calls >= callsPerSource) throw withRetryAfter(new ThrottledError(), 1)
    if (calls >= maxCalls) {
      throw Object.assign(withRetryAfter(new ServerUnavailableError(), 1), { reason: 'strangers-limited' })
    }
    // Taken before the answer is there: what is under way counts as refused until it is not.
    source.left--
    source.calls++
    calls++
    return source
  }

  function leave(source: Source, charged: boolean): void {
    source.calls--
    calls--
    if (!charged) source.left++
  }

  return {
    async pass(name, call, charge = 'refusals') {
      if (name === null) return await call()
      const source = enter(name)
      let charged = charge === 'always'
      try {
        return await call()
      } catch (error) {
        charged ||= isAboutToken(error)
        throw error
      } finally {
        leave(source, charged)
      }
    }
  }
}

/** A decision about the token; an outage is nobody's fault. */
function isAboutToken(error: unknown): boolean {
  return hasTokenCode(error, 'SALLYPORT_TOKEN_REJECTED') || isRefusal(error) || error instanceof LogoutTokenRefusedError
}
