import type { Measurement } from '@sallyport/security-context'
import type { SessionRefresher } from './refresh-session.ts'

/** What operators watch of sessions: as many refreshes as sessions that were due is what it should be. */
export function sessionMeasurements({ counts }: Pick<SessionRefresher, 'counts'>): Measurement[] {
  return [
    {
      name: 'sallyport_session_tokens_due_total',
      help: 'Sessions whose access token had to be renewed, each refresh token once',
      kind: 'counter',
      read: () => counts().due
    },
    {
      name: 'sallyport_session_refreshes_total',
      help: 'Refresh tokens that were sent to the authorization server',
      kind: 'counter',
      labels: ['outcome'],
      read: () => {
        const { due: _due, ...outcomes } = counts()
        return Object.entries(outcomes).map(([outcome, value]) => ({ labels: { outcome }, value }))
      }
    }
  ]
}
