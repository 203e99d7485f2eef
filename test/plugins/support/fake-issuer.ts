import createError from '@fastify/error'
import { errors, type TokenVerifier } from '@sallyport/authentication'
import type { EndUserConnection, Principal, TokenClient, TokenSet } from '@sallyport/security-context'

const Rejected = createError('SALLYPORT_TOKEN_REJECTED', 'The credentials are not valid', 401)
const Throttled = createError('SALLYPORT_TOKEN_THROTTLED', 'Too many', 429)
const Unavailable = createError('SALLYPORT_TOKEN_UNAVAILABLE', 'Away', 503)
const NotGranted = createError('SALLYPORT_TOKEN_NOT_GRANTED', 'No', 403)

export type Trouble = 'unavailable' | 'throttled' | 'not-granted'

interface Session {
  readonly sessionId: string
  readonly username: string
  readonly kind: string
  ended: boolean
  epoch: number
  readonly endsAtMs: number
}
interface Access {
  readonly session: Session
  readonly epoch: number
  readonly expiresAtSeconds: number
  readonly roles: readonly string[]
}
interface Refresh {
  readonly session: Session
  successor: string | null
}

/**
 * An authorization server in memory: counts what it is asked, and can be away. Its clock moves when the test says so.
 */
export class FakeIssuer {
  nowMs = 1_800_000_000_000
  readonly users = new Map<string, { password: string; roles: string[] }>([
    ['customer1', { password: 'pass:word', roles: ['CUSTOMER'] }]
  ])
  readonly calls = { password: 0, refresh: 0, revoke: 0, verify: 0, exchange: 0 }
  readonly asked: {
    sessionKind?: string | undefined
    scope?: string | undefined
    connection?: EndUserConnection | undefined
  }[] = []
  readonly sessions: Session[] = []
  readonly revoked: string[] = []
  trouble: Trouble | null = null
  revokeTrouble: Trouble | null = null
  /** Awaited by every token request: a test that holds it holds the server. */
  gate: Promise<void> = Promise.resolve()
  /** Our own server answers a used refresh token with the same successor; a foreign one ends the session. */
  rotation: 'idempotent' | 'strict' | 'none' = 'idempotent'
  accessSeconds = 300
  absoluteSeconds = 86_400
  paddingBytes = 0
  /** Awaited by each verification that begins while it is set. */
  verifyGate: Promise<void> = Promise.resolve()
  /** The verifier follows no status list: it accepts revoked tokens until they expire. */
  statusBlind = false
  /** It takes every subject token for a bad one. */
  exchangeRefusesAll = false
  verifyTrouble: 'refused' | 'unavailable' | null = null
  readonly #access = new Map<string, Access>()
  readonly #refresh = new Map<string, Refresh>()
  #serial = 0

  readonly clock = (): number => this.nowMs

  readonly tokenClient: TokenClient = {
    password: async request => {
      this.calls.password++
      this.asked.push({ sessionKind: request.sessionKind, scope: request.scope, connection: request.connection })
      await this.#pass(this.trouble)
      const user = this.users.get(request.username)
      if (user?.password !== request.password) throw new Rejected()
      const session = {
        sessionId: `session-${++this.#serial}`,
        username: request.username,
        kind: request.sessionKind ?? 'login',
        ended: false,
        epoch: 0,
        endsAtMs: this.nowMs + this.absoluteSeconds * 1000
      }
      this.sessions.push(session)
      return this.#tokens(session, this.#newRefresh(session))
    },
    refresh: async request => {
      this.calls.refresh++
      await this.#pass(this.trouble)
      const entry = this.#refresh.get(request.refreshToken)
      if (entry === undefined || entry.session.ended || this.nowMs >= entry.session.endsAtMs) throw new Rejected()
      if (this.rotation === 'none') return { ...this.#tokens(entry.session, ''), refreshToken: null }
      if (this.rotation === 'strict' && entry.successor !== null) {
        entry.session.ended = true
        throw new Rejected()
      }
      entry.successor ??= this.#newRefresh(entry.session)
      return this.#tokens(entry.session, entry.successor)
    },
    revoke: async ({ token }) => {
      this.calls.revoke++
      await this.#pass(this.revokeTrouble)
      this.revoked.push(token)
      const entry = this.#refresh.get(token) ?? this.#access.get(token)
      if (entry !== undefined) entry.session.ended = true
    },
    exchange: async ({ subjectToken, audience }) => {
      this.calls.exchange++
      await this.#pass(this.trouble)
      const access = this.#access.get(subjectToken)
      if (access === undefined || access.session.ended || access.epoch !== access.session.epoch) throw new Rejected()
      if (this.exchangeRefusesAll) throw new Rejected()
      const accessToken = `${audience} as ${access.roles.join(' ')}`
      return { accessToken, refreshToken: null, expiresInSeconds: this.accessSeconds, scope: null }
    },
    clientCredentials: async () => {
      throw new NotGranted()
    }
  }

  readonly verifier: TokenVerifier = {
    verify: async token => {
      this.calls.verify++
      await this.verifyGate
      if (this.verifyTrouble === 'unavailable') throw new errors.StatusUnavailableError()
      if (this.verifyTrouble === 'refused') throw new errors.InvalidTokenError('audience-mismatch')
      const access = this.#access.get(token)
      if (access === undefined) throw new errors.InvalidTokenError('signature-invalid')
      if (access.expiresAtSeconds * 1000 <= this.nowMs) throw new errors.InvalidTokenError('token-expired')
      if (!this.statusBlind && (access.session.ended || access.epoch !== access.session.epoch)) {
        throw new errors.InvalidTokenError('token-revoked')
      }
      return this.#principal(token, access)
    }
  }

  /** What changing the password does at a server: every session of the user ends. */
  changePassword(username: string, password: string): void {
    const user = this.users.get(username)
    if (user !== undefined) user.password = password
    this.endSessionsOf(username)
  }

  endSessionsOf(username: string): void {
    for (const session of this.sessions) if (session.username === username) session.ended = true
  }

  /** A role change revokes the tokens, not the session. */
  changeRoles(username: string, roles: string[]): void {
    const user = this.users.get(username)
    if (user !== undefined) user.roles = roles
    for (const session of this.sessions) if (session.username === username) session.epoch++
  }

  async #pass(trouble: Trouble | null): Promise<void> {
    await this.gate
    if (trouble === 'unavailable') throw new Unavailable()
    if (trouble === 'throttled') throw Object.assign(new Throttled(), { retryAfterSeconds: 17 })
    if (trouble === 'not-granted') throw new NotGranted()
  }

  #newRefresh(session: Session): string {
    const token = `refresh-${++this.#serial}-${'r'.repeat(40)}`
    this.#refresh.set(token, { session, successor: null })
    return token
  }

  #tokens(session: Session, refreshToken: string): TokenSet {
    const token = `access-${++this.#serial}-${'a'.repeat(40 + this.paddingBytes)}`
    const expiresAtSeconds = Math.floor(this.nowMs / 1000) + this.accessSeconds
    this.#access.set(token, {
      session,
      epoch: session.epoch,
      expiresAtSeconds,
      roles: this.users.get(session.username)?.roles ?? []
    })
    return { accessToken: token, refreshToken, expiresInSeconds: this.accessSeconds, scope: 'orders:read' }
  }

  #principal(token: string, { session, expiresAtSeconds, roles }: Access): Principal {
    return {
      issuer: 'https://issuer.example',
      subject: `subject-of-${session.username}`,
      clientId: 'gateway',
      roles,
      scopes: ['orders:read'],
      audience: 'sallyport-gateway',
      sessionId: session.sessionId,
      tokenId: token.slice(0, 12),
      actor: null,
      issuedAtSeconds: expiresAtSeconds - this.accessSeconds,
      expiresAtSeconds,
      claims: { preferred_username: session.username }
    }
  }
}
