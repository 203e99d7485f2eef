import type { Rotation, SessionSelector, SessionFamilyStore, SessionUse } from '../contract.ts'
import type { Session, UserSession } from '../records.ts'
import { hashKey } from './table.ts'
import { userAsItCounts, type RunStep, type Tables } from './tables.ts'

/** Sessions and their refresh tokens in memory. */
export function sessionStore(tables: Tables, run: RunStep): SessionFamilyStore {
  const { sessions, refreshTokens } = tables
  return {
    create: async (session, refreshTokenHash) => {
      await run(() => {
        sessions.set(session.id, session)
        refreshTokens.set(hashKey(refreshTokenHash), {
          sessionId: session.id,
          predecessorKey: null,
          successor: null,
          usedAtMs: null
        })
      })
    },
    find: async id => await run(() => userSessionOf(tables, id)),
    findByRefreshToken: async hash =>
      await run(() => {
        const token = refreshTokens.get(hashKey(hash))
        const found = token === undefined ? null : userSessionOf(tables, token.sessionId)
        if (token === undefined || found === null) return null
        const successor = token.successor === null ? undefined : refreshTokens.get(token.successor.key)
        return {
          ...found,
          hash,
          successorSealed: token.successor?.sealed ?? null,
          usedAtMs: token.usedAtMs,
          successorUsedAtMs: successor?.usedAtMs ?? null
        }
      }),
    rotate: async rotation => await run(() => rotate(tables, rotation)),
    noteLateRepeat: async hash => await run(() => noteLateRepeat(tables, hashKey(hash))),
    listOfUser: async (userId, nowMs) =>
      await run(() =>
        sessions
          .values()
          .filter(
            session =>
              session.userId === userId &&
              session.endedAtMs === null &&
              session.idleExpiresAtMs > nowMs &&
              session.absoluteExpiresAtMs > nowMs
          )
          .sort((a, b) => b.createdAtMs - a.createdAtMs)
      ),
    end: async (selector, reason, nowMs) =>
      await run(() =>
        selected(tables, selector)
          .filter(({ endedAtMs }) => endedAtMs === null)
          .map(session => {
            const ended = { ...session, endedAtMs: nowMs, endReason: reason }
            sessions.set(session.id, ended)
            return ended
          })
      ),
    lockLiveOfUser: async userId =>
      await run(() => sessions.values().filter(session => session.userId === userId && session.endedAtMs === null)),
    lockLiveUsing: async use =>
      await run(() => sessions.values().filter(session => session.endedAtMs === null && isUsing(tables, session, use))),
    setStatus: async (id, status) => {
      await run(() => sessions.update(id, session => ({ ...session, status })))
    }
  }
}

function isUsing({ users }: Tables, session: Session, use: SessionUse): boolean {
  if (use.kind === 'role') return users.get(session.userId)?.givenRoles.includes(use.role) === true
  if (use.kind === 'client') return session.clientId === use.clientId
  return use.kind === 'audience' ? session.audience === use.audience : session.scopes.includes(use.scope)
}

function userSessionOf(tables: Tables, id: string): UserSession | null {
  const session = tables.sessions.get(id)
  const user = userAsItCounts(tables, session?.userId)
  return session === undefined || user === null ? null : { session, user }
}

function rotate({ sessions, refreshTokens }: Tables, rotation: Rotation): boolean {
  const key = hashKey(rotation.hash)
  const token = refreshTokens.get(key)
  const session = sessions.get(token?.sessionId ?? '')
  if (token === undefined || token.successor !== null || session === undefined || session.endedAtMs !== null) {
    return false
  }
  const successorKey = hashKey(rotation.successorHash)
  refreshTokens.set(key, {
    ...token,
    successor: { key: successorKey, sealed: rotation.successorSealed },
    usedAtMs: rotation.nowMs
  })
  refreshTokens.set(successorKey, { sessionId: session.id, predecessorKey: key, successor: null, usedAtMs: null })
  sessions.set(session.id, {
    ...session,
    lastUsedAtMs: rotation.nowMs,
    idleExpiresAtMs: rotation.idleExpiresAtMs,
    userAgent: rotation.userAgent ?? session.userAgent,
    sourceAddress: rotation.sourceAddress ?? session.sourceAddress
  })
  return true
}

function noteLateRepeat({ sessions, refreshTokens, lateRepeats }: Tables, key: string): boolean {
  const token = refreshTokens.get(key)
  const session = sessions.get(token?.sessionId ?? '')
  if (token === undefined || session === undefined || session.endedAtMs !== null) return false
  if (token.predecessorKey !== null && lateRepeats.get(session.id) === token.predecessorKey) return false
  lateRepeats.set(session.id, key)
  return true
}

function selected({ sessions }: Tables, selector: SessionSelector): readonly Session[] {
  switch (selector.kind) {
    case 'session': {
      const session = sessions.get(selector.sessionId)
      return session === undefined || (selector.userId !== undefined && selector.userId !== session.userId)
        ? []
        : [session]
    }
    case 'user':
      return sessions
        .values()
        .filter(
          ({ userId, signInId }) =>
            userId === selector.userId && (signInId === null || signInId !== selector.keptSignInId)
        )
    case 'client':
      return sessions.values().filter(({ clientId }) => clientId === selector.clientId)
    case 'sign-in':
      return sessions.values().filter(({ signInId }) => signInId === selector.signInId)
    case 'all':
      return sessions.values()
  }
}
