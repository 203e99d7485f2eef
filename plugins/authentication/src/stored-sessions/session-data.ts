import { setTimeout as delay } from 'node:timers/promises'
import { parseJsonObject, withRetryAfter, type JsonObject } from '@sallyport/security-context/mechanics'
import { SessionDataTooLargeError, SessionEndedError, SessionStoreUnavailableError } from '../errors.ts'
import type { SessionStore, StoredSession } from './session-store.ts'
import type { SessionVault } from './session-vault.ts'

/** What the app keeps with a session: an object of JSON, in the store and nowhere else. */
export interface SessionData {
  /** As it was when the request was authenticated, or after the last `update` here. */
  readonly get: () => JsonObject
  /**
   * Changes it. Of updates at the same time none is lost: each sees what the one before made of it.
   * @param change makes new data of the present ones; may be called more than once
   * @returns the data as they are now
   * @throws `SALLYPORT_AUTHENTICATION_SESSION_ENDED` (401), `…_DATA_TOO_LARGE` (500), `…_STORE_UNAVAILABLE` (503), and
   * what `change` throws
   */
  readonly update: (change: (data: JsonObject) => JsonObject) => Promise<JsonObject>
}

/** What the data of sessions work with. */
export interface SessionDataParts {
  readonly store: Pick<SessionStore, 'find' | 'replaceData'>
  readonly vault: Pick<SessionVault, 'sealData' | 'openData'>
  readonly clock: () => number
  readonly maxDataBytes: number
}

const MOST_TRIES = 200
const LONGEST_RETRY_PAUSE_MS = 20

/** Makes the data of sessions: {@link SessionData} for each. Updates in this process wait for each other. */
export function createSessionDataKeeper({ store, vault, clock, maxDataBytes }: SessionDataParts) {
  const turns = new Map<string, Promise<unknown>>()

  function read(session: Pick<StoredSession, 'id' | 'data'>): JsonObject {
    return parseJsonObject(vault.openData(session) ?? '{}') ?? {}
  }

  async function updateNow(id: string, known: StoredSession, change: (data: JsonObject) => JsonObject) {
    let current = known
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const data = JSON.stringify(change(read(current)))
      const bytes = Buffer.byteLength(data)
      if (bytes > maxDataBytes) throw new SessionDataTooLargeError(bytes, maxDataBytes)
      const { dataVersion } = current
      const sealed = vault.sealData(id, data)
      if (await store.replaceData({ id, dataVersion, data: sealed, nowMs: clock() })) {
        return { ...current, data: sealed, dataVersion: dataVersion + 1 }
      }
      if (tries > 0) await delay(Math.random() * LONGEST_RETRY_PAUSE_MS)
      const found = await store.find(id, clock())
      if (found === null) throw new SessionEndedError()
      current = found
    }
    throw withRetryAfter(new SessionStoreUnavailableError({ cause: new Error('too many updates at the same time') }))
  }

  return function sessionDataOf(session: StoredSession, changed: (session: StoredSession) => void): SessionData {
    const { id } = session
    let current = session
    return {
      get: () => read(current),
      async update(change) {
        const before = turns.get(id) ?? Promise.resolve()
        const turn = before.then(async () => await updateNow(id, current, change))
        const settled = turn.catch(() => {})
        turns.set(id, settled)
        try {
          current = await turn
          changed(current)
          return read(current)
        } finally {
          if (turns.get(id) === settled) turns.delete(id)
        }
      }
    }
  }
}
