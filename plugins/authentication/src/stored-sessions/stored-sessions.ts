import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TokenSet } from '@sallyport/security-context'
import type { Log } from '@sallyport/security-context/mechanics'
import { requestConnection } from '../request-origin.ts'
import type { LoginFacts } from '../session/pairing.ts'
import type { ReadSessionOptions } from '../session/options.ts'
import type { TokenVerifier } from '../tokens/verify-token.ts'
import type { EndedBy, SessionOwner, SessionStore, StoredSession } from './session-store.ts'
import { guardStore } from './guard-store.ts'
import { newSessionHandle, presentedHandle, type PresentedHandle } from './handle-cookie.ts'
import type { ReadStoredSessionOptions } from './options.ts'
import { createStoredRefresher, type StoredRefresher } from './refresh-stored-session.ts'
import { createSessionDataKeeper } from './session-data.ts'
import { createSessionVault, type OpenSession, type SessionVault } from './session-vault.ts'
import { tidyStore } from './tidy-store.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The stored session that the caller was authenticated by; `null` for all others. */
    storedSession: StoredSession | null
  }
}

/** A session that begins. */
export interface BeginningSession extends SessionOwner {
  readonly tokens: TokenSet
  readonly login: LoginFacts
  readonly idToken: string | null
  readonly dpopSecret: string | null
  readonly issuerSessionId: string | null
  readonly clientId: string | null
}

/** The sessions of an app that keeps them in a store. */
export interface StoredSessions {
  readonly stored: ReadStoredSessionOptions
  /** Guarded. */
  readonly store: SessionStore
  readonly vault: SessionVault
  readonly refresher: StoredRefresher
  readonly presented: (request: FastifyRequest) => PresentedHandle
  /** Keeps a new session and sets its cookie; the one whose cookie the request brought ends. */
  readonly begin: (request: FastifyRequest, reply: FastifyReply, session: BeginningSession) => Promise<void>
  /** When a session ends that is used now. */
  readonly expiryOf: (session: Pick<StoredSession, 'createdAtMs'>) => number
  readonly clearCookie: (request: FastifyRequest, reply: FastifyReply) => void
  /** Ends sessions here and revokes their tokens at the issuer; gives those that ended. */
  readonly endAndRevoke: (by: EndedBy, log: Log) => Promise<readonly OpenSession[]>
}

/** What stored sessions are made of. */
export interface StoredSessionsParts {
  readonly options: ReadSessionOptions
  readonly stored: ReadStoredSessionOptions
  readonly verifier: TokenVerifier
}

const KEPT_USER_AGENT_LENGTH = 512
const REVOCATIONS_AT_A_TIME = 8

/** Opens the store's side of sessions; its housekeeping runs while the app does. */
export function openStoredSessions(
  fastify: FastifyInstance,
  { options, stored, verifier }: StoredSessionsParts
): StoredSessions {
  const { clock, tokenClient } = options
  const store = guardStore(stored.store, stored.storeTimeoutMs)
  const vault = createSessionVault(options, store)
  const log: Log = (message, detail) => fastify.log.warn(detail, message)
  const refresher = createStoredRefresher({ options, stored, store, vault, verifier, log })
  const cookieName = `${options.insecureLoopback ? '' : '__Host-'}${options.cookiePrefix}-session`
  const base = { path: '/', httpOnly: true, secure: !options.insecureLoopback, sameSite: options.sameSite } as const
  const attributes = options.cookieMaxAgeSeconds === undefined ? base : { ...base, maxAge: options.cookieMaxAgeSeconds }
  const presented = (request: FastifyRequest): PresentedHandle => presentedHandle(cookieName, request.headers.cookie)

  const expiryOf = ({ createdAtMs }: Pick<StoredSession, 'createdAtMs'>): number =>
    Math.min(clock() + stored.idleSeconds * 1000, createdAtMs + stored.absoluteSeconds * 1000)

  async function begin(request: FastifyRequest, reply: FastifyReply, session: BeginningSession): Promise<void> {
    const nowMs = clock()
    const handle = newSessionHandle()
    const { issuer, subject, issuerSessionId, tokens, login, idToken, dpopSecret, clientId } = session
    const { sourceAddress = null, userAgent = null } = requestConnection(request)
    const id = vault.idOf(handle)
    const sealed = vault.seal(id, {
      accessToken: tokens.accessToken,
      refreshToken: tokens.refreshToken,
      idToken,
      dpopSecret,
      login,
      clientId,
      sourceAddress,
      userAgent: userAgent?.slice(0, KEPT_USER_AGENT_LENGTH) ?? null
    })
    const times = { createdAtMs: nowMs, lastUsedAtMs: nowMs, expiresAtMs: expiryOf({ createdAtMs: nowMs }) }
    const fresh = { version: 1, lease: null, data: null, dataVersion: 0 }
    await store.create({ id, issuer, subject, issuerSessionId, sealed, ...times, ...fresh }, nowMs)
    reply.setCookie(cookieName, handle, attributes)
    void reply.header('cache-control', 'no-store')
    await endOthers(request, session).catch((err: unknown) => {
      request.log.warn({ err }, 'sessions that this login takes the place of could not be ended')
    })
  }

  /** The one before this login, whose cookie somebody may have a copy of, and those past the bound. */
  async function endOthers(request: FastifyRequest, owner: SessionOwner): Promise<void> {
    const before = presented(request)
    if (before.kind === 'handle') await endAndRevoke({ kind: 'session', id: vault.idOf(before.handle) }, log)
    const { maxPerOwner } = stored
    const sessions = await store.listOfOwner(owner, clock(), maxPerOwner + REVOCATIONS_AT_A_TIME)
    for (const { id } of sessions.slice(maxPerOwner)) await endAndRevoke({ kind: 'session', id }, log)
  }

  async function endAndRevoke(by: EndedBy, report: Log): Promise<readonly OpenSession[]> {
    const ended = (await store.end(by)).flatMap(session => vault.open(session) ?? [])
    const queue = ended.flatMap(({ contents }) => contents.refreshToken ?? [])
    const revokeNext = async (): Promise<void> => {
      for (let token = queue.pop(); token !== undefined; token = queue.pop()) {
        await tokenClient.revoke({ token, tokenTypeHint: 'refresh_token' }).catch((err: unknown) => {
          report('the tokens of a session that ended could not be revoked', { err })
        })
      }
    }
    await Promise.all(Array.from({ length: REVOCATIONS_AT_A_TIME }, revokeNext))
    return ended
  }

  const { maxDataBytes } = stored
  const dataOf = createSessionDataKeeper({ store, vault, clock, maxDataBytes })
  tidyStore(fastify, { store, stored, clock })
  fastify.addHook('onClose', async function finishRefreshes() {
    await refresher.close()
  })
  fastify.decorateRequest('storedSession', null)
  fastify.decorateRequest('sessionData', {
    getter() {
      const { storedSession } = this
      if (storedSession === null) return null
      return dataOf(storedSession, changed => {
        this.storedSession = changed
      })
    }
  })
  return {
    stored,
    store,
    vault,
    refresher,
    presented,
    begin,
    expiryOf,
    endAndRevoke,
    clearCookie: (request, reply) => {
      if (presented(request).kind === 'none') return
      reply.clearCookie(cookieName, base)
      void reply.header('cache-control', 'no-store')
    }
  }
}
