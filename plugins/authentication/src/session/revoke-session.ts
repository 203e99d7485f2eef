import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { StrangerGate } from '../stranger-gate.ts'
import type { ReadSessionOptions } from './options.ts'

/** Ends sessions at the authorization server. */
export interface SessionRevoker {
  /**
   * Revokes a token. One that was revoked a moment ago is not sent again: it does not come back.
   * @param source who brought it, when nobody here has seen it: bounded, and each call counts, because a revocation is
   * answered alike for every token (RFC 7009 §2.2)
   * @throws what the token client throws; `SALLYPORT_AUTHENTICATION_THROTTLED` (429) and `…_SERVER_UNAVAILABLE` (503)
   */
  readonly revoke: (token: string, hint: 'access_token' | 'refresh_token', source: string | null) => Promise<void>
}

const REVOKED_MS = 60_000
const MAX_REVOKED = 10_000

/** Makes the revoker of these options. */
export function createSessionRevoker({ tokenClient, clock }: ReadSessionOptions, gate: StrangerGate): SessionRevoker {
  const macKey = createSecretKey(randomBytes(32))
  const revokedUntilMs = new LRUCache<string, number>({ max: MAX_REVOKED })
  return {
    async revoke(token, tokenTypeHint, source) {
      const key = createHmac('sha256', macKey).update(token).digest('base64url')
      if ((revokedUntilMs.get(key) ?? 0) > clock()) return
      await gate.pass(source, async () => await tokenClient.revoke({ token, tokenTypeHint }), 'always')
      revokedUntilMs.set(key, clock() + REVOKED_MS)
    }
  }
}
