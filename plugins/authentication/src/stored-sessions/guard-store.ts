import { withDeadline, withRetryAfter } from '@sallyport/security-context/mechanics'
import { SessionStoreUnavailableError } from '../errors.ts'
import type { SessionStore } from './session-store.ts'

/**
 * The store with a time limit for each answer. Whatever it rejects with is an outage: nobody is let in or logged out
 * because of it.
 * @throws every method: `SALLYPORT_AUTHENTICATION_STORE_UNAVAILABLE` (503)
 */
export function guardStore(store: SessionStore, timeoutMs: number): SessionStore {
  const guarded =
    <Args extends readonly unknown[], Result>(step: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      try {
        return await withDeadline(step(...args), timeoutMs)
      } catch (cause) {
        throw withRetryAfter(new SessionStoreUnavailableError({ cause }))
      }
    }
  return {
    create: guarded(store.create),
    find: guarded(store.find),
    touch: guarded(store.touch),
    takeLease: guarded(store.takeLease),
    releaseLease: guarded(store.releaseLease),
    replaceTokens: guarded(store.replaceTokens),
    replaceData: guarded(store.replaceData),
    end: guarded(store.end),
    listOfOwner: guarded(store.listOfOwner),
    endOnce: guarded(store.endOnce),
    removeExpired: guarded(store.removeExpired)
  }
}
