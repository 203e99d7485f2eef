import type { SessionDirectory, SessionSummary } from '@sallyport/security-context'
import type { FakeIssuer } from '../../support/fake-issuer.ts'

/** The sessions of the fake issuer, as an authorization server would list them for an access token. */
export function directoryOfIssuer(issuer: FakeIssuer): SessionDirectory {
  const of = async (accessToken: string): Promise<{ own: FakeIssuer['sessions']; current: string | null }> => {
    const principal = await issuer.verifier.verify(accessToken)
    return {
      own: issuer.sessions.filter(({ username, ended }) => !ended && principal.subject === `subject-of-${username}`),
      current: principal.sessionId
    }
  }
  return {
    async list(accessToken) {
      const { own, current } = await of(accessToken)
      return own.map(({ sessionId }): SessionSummary => ({
        sessionId,
        clientId: 'gateway',
        kind: 'login',
        createdAtSeconds: 1,
        lastUsedAtSeconds: 2,
        expiresAtSeconds: 3,
        sourceAddress: null,
        userAgent: 'x',
        current: sessionId === current
      }))
    },
    async end(accessToken, sessionId) {
      const session = (await of(accessToken)).own.find(one => one.sessionId === sessionId)
      if (session === undefined) return false
      session.ended = true
      return true
    },
    async endAll(accessToken) {
      for (const session of (await of(accessToken)).own) session.ended = true
    }
  }
}
