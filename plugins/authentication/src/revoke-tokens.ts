import { setTimeout as delay } from 'node:timers/promises'
import type { TokenClient, TokenSet } from '@sallyport/security-context'

/**
 * Revokes refresh tokens that nobody will use again: best effort, because their sessions end by themselves soon anyway.
 */
export interface Revoker {
  /** Begins a revocation and returns. */
  readonly revoke: (tokens: TokenSet) => void
  /** Revokes these and waits for those begun, for at most `timeoutMs`; never rejects. */
  readonly drain: (all: readonly TokenSet[], timeoutMs: number) => Promise<void>
}

/** Requests at a time while draining, so that a full cache does not storm the authorization server. */
const CONCURRENCY = 16

/** @param tokenClient where tokens are revoked */
export function createRevoker(tokenClient: Pick<TokenClient, 'revoke'>): Revoker {
  const pending = new Set<Promise<void>>()

  async function revokeOne({ refreshToken }: TokenSet): Promise<void> {
    if (refreshToken === null) return
    try {
      await tokenClient.revoke({ token: refreshToken, tokenTypeHint: 'refresh_token' })
    } catch {
      // An api session has a short idle lifetime: what cannot be revoked now ends there.
    }
  }

  function revoke(tokens: TokenSet): void {
    const work = revokeOne(tokens).finally(() => pending.delete(work))
    pending.add(work)
  }

  async function drain(all: readonly TokenSet[], timeoutMs: number): Promise<void> {
    const queue = [...all]
    const deadline = new AbortController()
    const worker = async (): Promise<void> => {
      for (let next = queue.pop(); next !== undefined && !deadline.signal.aborted; next = queue.pop()) {
        await revokeOne(next)
      }
    }
    const timeUp = delay(timeoutMs, undefined, { signal: deadline.signal }).catch(() => {})
    await Promise.race([Promise.all([...pending, ...Array.from({ length: CONCURRENCY }, worker)]), timeUp])
    deadline.abort()
  }

  return { revoke, drain }
}
