import type { Clock } from '@sallyport/security-context/mechanics'
import { LRUCache } from 'lru-cache'
import type { ProofReplays } from './options.ts'

/**
 * Remembers used proofs in this process. Bounded, because each is of a caller's choice; only requests with a valid
 * token and the right key get as far as this, so filling it takes a caller who is known.
 * @param max how many
 * @see RFC 9449 §11.1
 */
export function rememberedProofs(max: number, clock: Clock): ProofReplays {
  const used = new LRUCache<string, number>({ max })
  return {
    record: async (id, expiresAtMs) => {
      const untilMs = used.get(id)
      if (untilMs !== undefined && clock() < untilMs) return false
      used.set(id, expiresAtMs)
      return true
    }
  }
}
