import { errorCode } from '@sallyport/security-context/mechanics'
import type { SecurityEvent, TokenClientErrorCode } from '@sallyport/security-context'

const EXCHANGE_FAILURES: Readonly<Record<TokenClientErrorCode, Pick<SecurityEvent, 'outcome' | 'reason'>>> = {
  SALLYPORT_TOKEN_REJECTED: { outcome: 'denied', reason: 'subject-token-rejected' },
  SALLYPORT_TOKEN_NOT_GRANTED: { outcome: 'denied', reason: 'exchange-not-granted' },
  SALLYPORT_TOKEN_THROTTLED: { outcome: 'failure', reason: 'authorization-server-throttles' },
  SALLYPORT_TOKEN_UNAVAILABLE: { outcome: 'failure', reason: 'authorization-server-unavailable' }
}

/** What the metrics learn of a new token; one from the cache is no news. */
export function exchangedEvent(audience: string): SecurityEvent {
  return { stage: 'token-exchange', outcome: 'success', reason: 'token-exchanged', detail: { audience } }
}

/** What the audit trail and the metrics learn of a failed exchange. */
export function exchangeFailureEvent(error: unknown, audience: string): SecurityEvent {
  const code = errorCode(error)
  const event = isTokenCode(code)
    ? EXCHANGE_FAILURES[code]
    : ({ outcome: 'failure', reason: 'exchange-failed' } as const)
  return { stage: 'token-exchange', ...event, detail: { audience } }
}

function isTokenCode(code: string | null): code is TokenClientErrorCode {
  return code !== null && Object.hasOwn(EXCHANGE_FAILURES, code)
}
