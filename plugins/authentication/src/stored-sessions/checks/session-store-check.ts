import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { LeaseRequest, SessionStore, StoredSession } from '../session-store.ts'

/** One promise of the contract of session stores, as a check that any store can be held to. */
export interface SessionStoreCheck {
  /** A sentence of behaviour. */
  readonly title: string
  /**
   * Rejects when the store does not keep the promise.
   * @param store empty, or used by other checks before: every check makes what it needs under new ids
   */
  readonly run: (store: SessionStore) => Promise<void>
}

/** The time of every check. */
export const CHECK_TIME = 1_800_000_000_000
const CHECKED_LIFE_MS = 3_600_000

/** A session that is in the store, of an owner of its own unless the changes say otherwise. */
export async function addSession(store: SessionStore, changes: Partial<StoredSession> = {}): Promise<StoredSession> {
  const session: StoredSession = {
    id: createHash('sha256').update(randomBytes(32)).digest('base64url'),
    issuer: 'https://issuer.example',
    subject: `subject-${randomUUID()}`,
    issuerSessionId: `sid-${randomUUID()}`,
    createdAtMs: CHECK_TIME,
    lastUsedAtMs: CHECK_TIME,
    expiresAtMs: CHECK_TIME + CHECKED_LIFE_MS,
    sealed: 'sealed tokens',
    version: 1,
    lease: null,
    data: null,
    dataVersion: 0,
    ...changes
  }
  await store.create(session, CHECK_TIME)
  return session
}

/** A request for the lease of a session, by a new holder and for a minute. */
export function leaseRequest({ id }: StoredSession, changes: Partial<LeaseRequest> = {}): LeaseRequest {
  return { id, version: 1, holder: randomUUID(), nowMs: CHECK_TIME, untilMs: CHECK_TIME + 60_000, ...changes }
}

/** How many of so many calls at the same time say yes. */
export async function countYes(calls: number, call: (at: number) => Promise<boolean>): Promise<number> {
  const answers = await Promise.all(Array.from({ length: calls }, async (_, at) => await call(at)))
  return answers.filter(Boolean).length
}
