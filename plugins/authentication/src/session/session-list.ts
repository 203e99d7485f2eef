import type { SessionDirectory, SessionSummary } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import { AccessTokenMissingError } from '../errors.ts'
import { hasTokenCode } from '../failure-kinds.ts'
import type { SessionOwner, StoredSession } from '../stored-sessions/session-store.ts'
import type { StoredSessions } from '../stored-sessions/stored-sessions.ts'
import { tokenRequestFailure } from '../token-request-failure.ts'
import { AUTHENTICATION_TEXTS, deviceText } from '../pages/authentication-texts.ts'
import { deviceName } from './device-name.ts'
import type { SessionCore } from './session-core.ts'

/** A session as people see it. */
export interface ListedSession extends SessionSummary {
  /** In English words, from its user agent: programs read it, and a page has words of its own. */
  readonly device: string
}

/** The sessions of whoever asks, whoever keeps them. */
export interface SessionList {
  /** Strategies that its routes take; `undefined`: all. */
  readonly strategies: readonly string[] | undefined
  readonly list: (request: FastifyRequest) => Promise<readonly ListedSession[]>
  /** Ends one session of the caller; `false` when the caller has no such session. */
  readonly end: (request: FastifyRequest, sessionId: string) => Promise<boolean>
  readonly endAll: (request: FastifyRequest) => Promise<void>
  /** Whether this is the session of the request. */
  readonly isOwn: (request: FastifyRequest, sessionId: string) => boolean
}

/** The list over a directory, which decides by the caller's access token whose sessions they are. */
export function listOfDirectory(core: Pick<SessionCore, 'ended'>, directory: SessionDirectory): SessionList {
  const isOwn: SessionList['isOwn'] = ({ principal }, sessionId) => principal?.sessionId === sessionId
  return {
    strategies: undefined,
    isOwn,
    list: async request => (await answered(request, token => directory.list(token))).map(withDevice),
    end: async (request, sessionId) => {
      if (!(await answered(request, token => directory.end(token, sessionId)))) return false
      core.ended.addAtIssuer(sessionId)
      return true
    },
    endAll: async request => {
      await answered(request, token => directory.endAll(token))
      if (typeof request.principal?.sessionId === 'string') core.ended.addAtIssuer(request.principal.sessionId)
    }
  }
}

const LONGEST_LIST = 500

/** The list over the app's own store: for callers with one of its sessions. */
export function listOfStore(core: Pick<SessionCore, 'options'>, sessions: StoredSessions): SessionList {
  const { store, vault } = sessions
  const logOf = (request: FastifyRequest) => (message: string, detail: object) => {
    request.log.warn(detail, message)
  }

  function summaryOf(session: StoredSession, own: StoredSession): ListedSession {
    const contents = vault.open(session)?.contents
    return withDevice({
      sessionId: session.id,
      clientId: contents?.clientId ?? '',
      kind: 'login',
      createdAtSeconds: Math.floor(session.createdAtMs / 1000),
      lastUsedAtSeconds: Math.floor(session.lastUsedAtMs / 1000),
      expiresAtSeconds: Math.floor(session.expiresAtMs / 1000),
      sourceAddress: contents?.sourceAddress ?? null,
      userAgent: contents?.userAgent ?? null,
      current: session.id === own.id
    })
  }

  return {
    strategies: ['session'],
    isOwn: ({ storedSession }, sessionId) => storedSession?.id === sessionId,
    list: async request => {
      const own = ownSession(request)
      const kept = await store.listOfOwner(own, core.options.clock(), LONGEST_LIST)
      return kept.map(session => summaryOf(session, own))
    },
    end: async (request, sessionId) => {
      const found = await store.find(sessionId, core.options.clock())
      if (found === null || !isOwnedBy(found, ownSession(request))) return false
      return (await sessions.endAndRevoke({ kind: 'session', id: sessionId }, logOf(request))).length > 0
    },
    endAll: async request => {
      const { issuer, subject } = ownSession(request)
      await sessions.endAndRevoke({ kind: 'owner', issuer, subject }, logOf(request))
    }
  }
}

const withDevice = (summary: SessionSummary): ListedSession => ({
  ...summary,
  device: deviceText(deviceName(summary.userAgent), AUTHENTICATION_TEXTS.en)
})

const isOwnedBy = (session: SessionOwner, owner: SessionOwner): boolean =>
  session.issuer === owner.issuer && session.subject === owner.subject

function ownSession({ storedSession }: FastifyRequest): StoredSession {
  if (storedSession === null) throw new AccessTokenMissingError()
  return storedSession
}

function accessTokenOf({ accessToken }: FastifyRequest): string {
  if (typeof accessToken !== 'string') throw new AccessTokenMissingError()
  return accessToken
}

/**
 * What the directory answers under the caller's token; one that the issuer refuses is renewed once. An outage behind
 * the directory is 503 or 429, as everywhere.
 */
async function answered<Result>(
  request: FastifyRequest,
  ask: (accessToken: string) => Promise<Result>
): Promise<Result> {
  try {
    try {
      return await ask(accessTokenOf(request))
    } catch (error) {
      const renewed = hasTokenCode(error, 'SALLYPORT_TOKEN_REJECTED') ? await request.renewAccessToken?.() : null
      if (typeof renewed !== 'string') throw error
      return await ask(renewed)
    }
  } catch (error) {
    throw hasTokenCode(error, 'SALLYPORT_TOKEN_UNAVAILABLE') || hasTokenCode(error, 'SALLYPORT_TOKEN_THROTTLED')
      ? tokenRequestFailure(error)
      : error
  }
}
