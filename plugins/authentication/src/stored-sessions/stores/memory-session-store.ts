import type { EndedBy, SessionStore, StoredSession } from '../session-store.ts'

/** How much {@link memorySessionStore} keeps. */
export interface MemorySessionStoreOptions {
  /**
   * Past it the session that began first ends.
   * @default 100_000
   */
  readonly maxSessions?: number
}

const MAX_USES = 100_000

/**
 * Keeps sessions in this process: for one process, and for tests. They end with it.
 * @throws {RangeError} when `maxSessions` is not a whole number from 1 on
 */
export function memorySessionStore({ maxSessions = 100_000 }: MemorySessionStoreOptions = {}): SessionStore {
  if (!Number.isSafeInteger(maxSessions) || maxSessions < 1) throw new RangeError('maxSessions must be at least 1')
  const sessions = new Map<string, StoredSession>()
  const uses = new Map<string, number>()

  function live(id: string, nowMs: number): StoredSession | null {
    const session = sessions.get(id)
    return session === undefined || session.expiresAtMs <= nowMs ? null : session
  }

  function change(session: StoredSession | null, changes: Partial<StoredSession>): boolean {
    if (session !== null) sessions.set(session.id, Object.freeze({ ...session, ...changes }))
    return session !== null
  }

  function endNow(by: EndedBy): StoredSession[] {
    const candidates = 'id' in by ? [sessions.get(by.id)] : [...sessions.values()]
    const ended = candidates.flatMap(session => (session !== undefined && isEndedBy(session, by) ? [session] : []))
    for (const { id } of ended) sessions.delete(id)
    return ended
  }

  function forgetUses(nowMs: number): void {
    for (const [key, untilMs] of uses) if (untilMs <= nowMs) uses.delete(key)
  }

  return {
    create: async session => {
      if (sessions.has(session.id)) throw new Error('There is a session with this id')
      sessions.set(session.id, Object.freeze({ ...session }))
      for (const oldest of sessions.keys()) {
        if (sessions.size <= maxSessions) break
        sessions.delete(oldest)
      }
    },
    find: async (id, nowMs) => live(id, nowMs),
    touch: async ({ id, lastUsedAtMs, expiresAtMs }, nowMs) => {
      const session = live(id, nowMs)
      if (session === null) return
      change(session, {
        lastUsedAtMs: Math.max(session.lastUsedAtMs, lastUsedAtMs),
        expiresAtMs: Math.max(session.expiresAtMs, expiresAtMs)
      })
    },
    takeLease: async ({ id, version, holder, nowMs, untilMs }) => {
      const session = live(id, nowMs)
      const isFree = session?.version === version && (session.lease === null || session.lease.untilMs <= nowMs)
      return isFree && change(session, { lease: { holder, untilMs } })
    },
    releaseLease: async (id, holder) => {
      const session = sessions.get(id)
      if (session?.lease?.holder === holder) change(session, { lease: null })
    },
    replaceTokens: async ({ id, version, sealed, nowMs }) => {
      const session = live(id, nowMs)
      return session?.version === version && change(session, { sealed, version: version + 1, lease: null })
    },
    replaceData: async ({ id, dataVersion, data, nowMs }) => {
      const session = live(id, nowMs)
      return session?.dataVersion === dataVersion && change(session, { data, dataVersion: dataVersion + 1 })
    },
    end: async by => endNow(by),
    endOnce: async (by, { key, nowMs, untilMs }) => {
      if ((uses.get(key) ?? 0) > nowMs) return null
      if (uses.size >= MAX_USES) forgetUses(nowMs)
      if (uses.size >= MAX_USES) throw new Error('There are too many uses to remember')
      uses.set(key, untilMs)
      return endNow(by)
    },
    listOfOwner: async ({ issuer, subject }, nowMs, limit) =>
      [...sessions.values()]
        .filter(session => session.issuer === issuer && session.subject === subject && session.expiresAtMs > nowMs)
        .sort((one, other) => other.lastUsedAtMs - one.lastUsedAtMs)
        .slice(0, limit),
    removeExpired: async (nowMs, limit) => {
      const expired = [...sessions.values()].filter(({ expiresAtMs }) => expiresAtMs <= nowMs).slice(0, limit)
      for (const { id } of expired) sessions.delete(id)
      forgetUses(nowMs)
      return expired.length
    }
  }
}

function isEndedBy(session: StoredSession, by: EndedBy): boolean {
  switch (by.kind) {
    case 'session':
      return session.id === by.id
    case 'version':
      return session.id === by.id && session.version === by.version
    case 'owner':
      return session.issuer === by.issuer && session.subject === by.subject
    case 'issuer-session':
      return (
        session.issuer === by.issuer &&
        session.issuerSessionId === by.issuerSessionId &&
        (by.subject === null || session.subject === by.subject)
      )
  }
}
