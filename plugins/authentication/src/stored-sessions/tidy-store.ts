import type { Clock } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import type { SessionStore } from './session-store.ts'
import type { ReadStoredSessionOptions } from './options.ts'

/** What the housekeeping of a store works with. */
export interface TidyStoreParts {
  readonly store: Pick<SessionStore, 'removeExpired'>
  readonly stored: Pick<ReadStoredSessionOptions, 'schedule' | 'tidyIntervalMs'>
  readonly clock: Clock
}

const SESSIONS_A_BATCH = 1000
const BATCHES_A_RUN = 20

/** Removes sessions that are over while the app runs, some at a time; what fails is tried again at the next time. */
export function tidyStore(fastify: FastifyInstance, { store, stored, clock }: TidyStoreParts): void {
  async function removeExpired(): Promise<void> {
    try {
      for (let batch = 0; batch < BATCHES_A_RUN; batch++) {
        if ((await store.removeExpired(clock(), SESSIONS_A_BATCH)) < SESSIONS_A_BATCH) return
      }
    } catch (err) {
      fastify.log.warn({ err }, 'sessions that are over could not be removed')
    }
  }
  let running: ReturnType<typeof stored.schedule> | null = null
  fastify.addHook('onReady', async function beginTidying() {
    running = stored.schedule(removeExpired, stored.tidyIntervalMs)
  })
  fastify.addHook('onClose', async function endTidying() {
    running?.stop()
  })
}
