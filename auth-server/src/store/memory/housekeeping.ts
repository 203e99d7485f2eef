import type { HousekeepingStore, TidyRules } from '../contract.ts'
import type { Table } from './table.ts'
import type { RunStep, Tables } from './tables.ts'

/** Removes up to `limit` rows that fit. */
function removeFitting<Row>(table: Table<Row>, limit: number, fits: (row: Row, key: string) => boolean): number {
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
export function housekeepingStore(tables: Tables, run: RunStep): HousekeepingStore {
  return { removeExpired: async rules => await run(() => removeExpired(tables, rules)) }
}

function removeExpired(
  tables: Tables,
  { expiredBeforeMs, requestsBeforeMs, attemptsBeforeMs, endedBeforeMs, limit }: TidyRules
): Record<string, number> {
  const counts = {
    opaqueTokens: removeFitting(tables.opaqueTokens, limit, ({ expiresAtMs }) => expiresAtMs < expiredBeforeMs),
    replayedIds: removeFitting(tables.replays, limit, untilMs => untilMs < expiredBeforeMs),
    pushedRequests: removeFitting(tables.pushedRequests, limit, ({ expiresAtMs }) => expiresAtMs < requestsBeforeMs),
    loginAttempts: removeFitting(
      tables.loginAttempts,
      limit,
      ({ lastFailedAtMs, blockedUntilMs }) =>
        lastFailedAtMs < attemptsBeforeMs && (blockedUntilMs ?? lastFailedAtMs) < expiredBeforeMs
    ),
    authorizationCodes: removeFitting(tables.authorizationCodes, limit, ({ code }) => code.expiresAtMs < endedBeforeMs),
    clientSecrets: removeSecrets(tables, endedBeforeMs),
    sessions: removeFitting(tables.sessions, limit, session => endOf(session) < endedBeforeMs),
    signIns: removeFitting(tables.signIns, limit, signIn => endOf(signIn) < endedBeforeMs)
  }
  removeFitting(tables.refreshTokens, Infinity, ({ sessionId }) => !tables.sessions.has(sessionId))
  removeFitting(tables.lateRepeats, Infinity, (_token, sessionId) => !tables.sessions.has(sessionId))
  removeFitting(tables.signInSecrets, Infinity, id => !tables.signIns.has(id))
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
