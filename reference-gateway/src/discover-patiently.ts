import { setTimeout as wait } from 'node:timers/promises'
import type { AuthorizationServerMetadata } from '@sallyport/token-exchange'

/** Codes of failures that may go away by themselves. */
const TRANSIENT: readonly unknown[] = ['SALLYPORT_TOKEN_UNAVAILABLE']

/**
 * Discovers the issuer's metadata, again and again while there is no answer: processes of one deployment start in any order.
 * @param discover one attempt
 * @param patienceMs how long to go on
 * @throws the last failure, or at once one that will not go away
 */
export async function discoverPatiently (discover: () => Promise<AuthorizationServerMetadata>, patienceMs: number, pauseMs = 500): Promise<AuthorizationServerMetadata> {
  for (const startedAtMs = performance.now(); ;) {
    try {
      return await discover()
    } catch (error) {
      const transient = error instanceof Error && 'code' in error && TRANSIENT.includes(error.code)
      if (!transient || performance.now() - startedAtMs + pauseMs > patienceMs) throw error
      await wait(pauseMs)
    }
  }
}
