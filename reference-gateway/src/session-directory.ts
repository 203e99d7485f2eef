import { callUpstream } from '@sallyport/token-exchange'
import type { SessionDirectory, SessionSummary, TokenClient } from '@sallyport/security-context'
import type { Dispatcher } from 'undici'
import { UpstreamFailedError } from './errors.ts'

/** Where the sessions are. */
export interface SessionDirectoryOptions {
  readonly tokenClient: TokenClient
  /** Origin of the authorization server. */
  readonly origin: string
  readonly dispatcher: Dispatcher
  readonly timeoutMs: number
}

const AUDIENCE = 'auth-server'

/**
 * The caller's sessions at the authorization server, asked for in the caller's name with an exchanged token.
 * Its methods reject with the codes of the token client, or with `SALLYPORT_TOKEN_UPSTREAM_*` and `SALLYPORT_GATEWAY_UPSTREAM_FAILED`.
 */
export function createSessionDirectory ({ tokenClient, origin, dispatcher, timeoutMs }: SessionDirectoryOptions): SessionDirectory {
  async function ask (subjectToken: string, method: 'GET' | 'DELETE', path: string): Promise<{ statusCode: number, body: unknown }> {
    const { accessToken: token } = await tokenClient.exchange({ subjectToken, audience: AUDIENCE })
    const answer = await callUpstream({ origin, token, headers: {}, dispatcher, timeoutMs }, { method, path })
    if (answer.statusCode < 300 || answer.statusCode === 404) return answer
    throw new UpstreamFailedError({ cause: new Error(`${method} ${path} was answered with ${answer.statusCode}`) })
  }

  return {
    async list (accessToken) {
      const { body } = await ask(accessToken, 'GET', '/sessions')
      const sessions: unknown = isObject(body) ? body.sessions : undefined
      if (!Array.isArray(sessions) || !sessions.every(isSummary)) throw new UpstreamFailedError({ cause: new Error('The list of sessions has another shape') })
      return sessions
    },
    async end (accessToken, sessionId) {
      // An empty id would end every session instead of one.
      if (sessionId === '') return false
      return (await ask(accessToken, 'DELETE', `/sessions/${encodeURIComponent(sessionId)}`)).statusCode !== 404
    },
    async endAll (accessToken) {
      await ask(accessToken, 'DELETE', '/sessions')
    }
  }
}

function isObject (value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isSummary (value: unknown): value is SessionSummary {
  return isObject(value) && typeof value.sessionId === 'string' && typeof value.createdAtSeconds === 'number' && typeof value.current === 'boolean'
}
