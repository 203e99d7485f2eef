import type { KeySource, VerificationKey } from '@sallyport/security-context'
import { messageWithCause, parseJsonObject } from '@sallyport/security-context/mechanics'
import { KeysUnavailableError } from '../errors.ts'
import { fetchDocument, type Connection } from './fetch-document.ts'
import { readJwksKeySourceOptions, type JwksKeySourceOptions } from './source-options.ts'
import { importKeys } from '../tokens/import-keys.ts'

const MAX_JWKS_BYTES = 512 * 1024
const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 30_000
const REFRESH_AHEAD = 0.8

/**
 * Keys from a JWKS document: fetched ahead of need, by one fetch at a time, kept while the server is away.
 * A flood of unknown key ids costs one fetch per cool-down. A server that is down is asked at growing intervals, but a
 * token
 * with a new key id never waits longer than the cool-down for the next look.
 * @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`
 */
export function createJwksKeySource(given: JwksKeySourceOptions): KeySource {
  const options = readJwksKeySourceOptions(given)
  const { jwksUri, cooldownMs, maxAgeMs, clock, startTimer, log } = options
  const maxStaleMs = Math.max(options.maxStaleMs, maxAgeMs)
  const connection: Connection = options

  let keys: ReadonlyMap<string, VerificationKey> | null = null
  let fetchedAtMs = 0
  let attemptedAtMs = Number.NEGATIVE_INFINITY
  let failures = 0
  let lastError: unknown
  let etag: string | null = null
  let inFlight: Promise<void> | null = null
  let timer: { readonly stop: () => void } | null = null
  let closed = false

  /** Published keys that are young enough to be believed. */
  function current(): ReadonlyMap<string, VerificationKey> | null {
    return keys !== null && clock() - fetchedAtMs <= maxStaleMs ? keys : null
  }

  /** Fetches, unless somebody is at it. Never rejects. */
  function refresh(): Promise<void> {
    inFlight ??= attempt().finally(() => {
      inFlight = null
    })
    return inFlight
  }

  async function attempt(): Promise<void> {
    attemptedAtMs = clock()
    try {
      await load()
      failures = 0
    } catch (error) {
      failures++
      lastError = error
      const address = typeof jwksUri === 'string' ? { jwksUri } : {}
      log('the JWKS could not be fetched', { ...address, error: messageWithCause(error), ageMs: ageMs() })
    }
    schedule()
  }

  async function load(): Promise<void> {
    const headers: Record<string, string> = { accept: 'application/jwk-set+json, application/json' }
    if (etag !== null && current() !== null) headers['if-none-match'] = etag
    const address = typeof jwksUri === 'string' ? jwksUri : await jwksUri()
    const { status, headers: answered, body } = await fetchDocument(address, connection, MAX_JWKS_BYTES, { headers })
    if (status !== 304 || headers['if-none-match'] === undefined) {
      if (status !== 200) throw new Error(`status ${status}`)
      const imported = importKeys(parseJsonObject(body), options.issuer)
      if (imported === null) throw new Error('not a JWKS document')
      for (const ignored of imported.ignored) log('a published key is ignored', { jwksUri: address, ...ignored })
      keys = imported.keys
      etag = answered.get('etag')
    }
    fetchedAtMs = clock()
  }

  /** Time to wait after failures, in ms: it doubles up to half a minute. */
  const retryMs = (): number => Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LAST_RETRY_MS)

  /** Whether an unknown key id may cause a look: with keys at hand once per cool-down, without any sooner at first. */
  function mayAttempt(): boolean {
    const waitMs = current() === null && failures > 0 ? Math.min(retryMs(), cooldownMs) : cooldownMs
    return inFlight !== null || clock() - attemptedAtMs >= waitMs
  }

  /** Keeps the keys fresh without traffic, so that a key rotated out is forgotten in a quiet service too. */
  function schedule(): void {
    if (closed) return
    timer?.stop()
    timer = startTimer(
      () => {
        void refresh()
      },
      failures > 0 ? retryMs() : maxAgeMs * REFRESH_AHEAD
    )
  }

  /** Keys that are due are fetched in the background: nobody waits for them while the old ones are good. */
  function refreshAhead(): void {
    if (
      !closed &&
      inFlight === null &&
      clock() - fetchedAtMs >= maxAgeMs * REFRESH_AHEAD &&
      clock() - attemptedAtMs >= retryOrZero()
    ) {
      void refresh()
    }
  }
  const retryOrZero = (): number => (failures > 0 ? retryMs() : 0)

  function unavailable(): KeysUnavailableError {
    const error = new KeysUnavailableError()
    error.cause = lastError
    return error
  }

  async function find(keyId: string): Promise<VerificationKey | null> {
    const known = current()?.get(keyId)
    if (known !== undefined) {
      refreshAhead()
      return known
    }
    if (!closed && mayAttempt()) await refresh()
    const keysNow = current()
    const found = keysNow?.get(keyId)
    // While the document cannot be read, nobody can say that a key does not exist.
    if (found === undefined && (keysNow === null || failures > 0)) throw unavailable()
    return found ?? null
  }

  function isPublished(keyId: string): boolean {
    refreshAhead()
    return current()?.has(keyId) ?? false
  }

  async function ready(): Promise<void> {
    if (current() === null) await refresh()
    if (current() === null) throw unavailable()
  }

  function ageMs(): number | null {
    return keys === null ? null : clock() - fetchedAtMs
  }

  async function close(): Promise<void> {
    closed = true
    timer?.stop()
    await inFlight
  }

  return { find, isPublished, ready, ageMs, close }
}
