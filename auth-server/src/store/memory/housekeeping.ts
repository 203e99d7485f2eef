import type { HousekeepingStore, TidyRules } from '../contract.ts'
import type { Table } from './table.ts'
import type { Run, Tables } from './tables.ts'

/** Removes up to `limit` rows that fit. */
function remove<Row>(table: Table<Row>, limit: number, fits: (row: Row, key: string) => boolean): number {
  const keys = table
    .entries()
    .filter(([key, row]) => fits(row, key))
    .slice(0, limit)
    .map(([key]) => key)
  for (const key of keys) table.delete(key)
  return keys.length
}

interface Ending {
  readonly endedAtMs: number | null
  readonly idleExpiresAtMs: number
  readonly absoluteExpiresAtMs: number
}

const endOf = ({ endedAtMs, idleExpiresAtMs, absoluteExpiresAtMs }: Ending): number =>
  endedAtMs ?? Math.min(idleExpiresAtMs, absoluteExpiresAtMs)

/** Removes expired rows in memory. */
export function housekeepingStore(tables: Tables, run: Run): HousekeepingStore {
  return { removeExpired: async rules => await run(() => removeExpired(tables, rules)) }
}

function removeExpired(
  tables: Tables,
  { expiredBeforeMs, requestsBeforeMs, attemptsBeforeMs, endedBeforeMs, limit }: TidyRules
): Record<string, number> {
  const counts = {
    opaqueTokens: remove(tables.opaqueTokens, limit, ({ expiresAtMs }) => expiresAtMs < expiredBeforeMs),
    replayedIds: remove(tables.replays, limit, untilMs => untilMs < expiredBeforeMs),
    pushedRequests: remove(tables.pushedRequests, limit, ({ expiresAtMs }) => expiresAtMs < requestsBeforeMs),
    loginAttempts: remove(
      tables.loginAttempts,
      limit,
      ({ lastFailedAtMs, blockedUntilMs }) =>
        lastFailedAtMs < attemptsBeforeMs && (blockedUntilMs ?? lastFailedAtMs) < expiredBeforeMs
    ),
    authorizationCodes: remove(tables.authorizationCodes, limit, ({ code }) => code.expiresAtMs < endedBeforeMs),
    clientSecrets: removeSecrets(tables, endedBeforeMs),
    sessions: remove(tables.sessions, limit, session => endOf(session) < endedBeforeMs),
    signIns: remove(tables.signIns, limit, signIn => endOf(signIn) < endedBeforeMs)
  }
  remove(tables.refreshTokens, Infinity, ({ sessionId }) => !tables.sessions.has(sessionId))
  remove(tables.lateRepeats, Infinity, (_token, sessionId) => !tables.sessions.has(sessionId))
  remove(tables.signInSecrets, Infinity, id => !tables.signIns.has(id))
  // Lists have no time of their own here: none is ever closed.
  return { ...counts, statusLists: 0 }
}

function removeSecrets({ clientSecrets }: Tables, beforeMs: number): number {
  let removed = 0
  for (const [clientId, secrets] of clientSecrets.entries()) {
    const kept = secrets.filter(({ expiresAtMs }) => expiresAtMs === null || expiresAtMs >= beforeMs)
    removed += secrets.length - kept.length
    if (kept.length < secrets.length) clientSecrets.set(clientId, kept)
  }
  return removed
}
