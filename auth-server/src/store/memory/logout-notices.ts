import { randomUUID } from 'node:crypto'
import type { LogoutNoticeStore } from '../contract.ts'
import type { RunStep, Tables } from './tables.ts'

/** Logout notices in memory. */
export function logoutNoticeStore({ clients, logoutNotices }: Tables, run: RunStep): LogoutNoticeStore {
  const uriOf = (clientId: string): string | null => clients.get(clientId)?.backchannelLogoutUri ?? null
  return {
    add: async (sessions, nowMs) => {
      await run(() => {
        for (const { id: sessionId, clientId, userId } of sessions) {
          if (uriOf(clientId) !== null) {
            logoutNotices.set(randomUUID(), { clientId, userId, sessionId, attempts: 0, nextAttemptAtMs: nowMs })
          }
        }
      })
    },
    claim: async ({ nowMs, leaseUntilMs, limit }) =>
      await run(() => {
        const due = logoutNotices.entries().filter(([, { nextAttemptAtMs }]) => nextAttemptAtMs <= nowMs)
        return due
          .sort(([, a], [, b]) => a.attempts - b.attempts || a.nextAttemptAtMs - b.nextAttemptAtMs)
          .slice(0, limit)
          .map(([id, { nextAttemptAtMs: _due, ...row }]) => {
            const claimed = { ...row, attempts: row.attempts + 1 }
            logoutNotices.set(id, { ...claimed, nextAttemptAtMs: leaseUntilMs })
            return { id, ...claimed, uri: uriOf(row.clientId) }
          })
      }),
    postpone: async ({ id, attempts }, nextAttemptAtMs) => {
      await run(() => logoutNotices.update(id, row => (row.attempts === attempts ? { ...row, nextAttemptAtMs } : row)))
    },
    remove: async id => await run(() => logoutNotices.delete(id))
  }
}
