import type { AuditSink } from '@sallyport/security-context'
import type { LogoutNotice } from '../../store/records.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { issueLogoutToken } from './logout-token.ts'
import type { SendLogoutToken } from './send-logout-token.ts'

/** What {@link deliverAllNotices} works with. */
export interface DeliverNotices {
  readonly server: AuthorizationServer
  readonly send: SendLogoutToken
  readonly audit: AuditSink
  /** Hears of every failed attempt. */
  readonly onFailure: (notice: LogoutNotice, cause: unknown) => void
}

/** How the delivery of a notice ended. */
type Outcome = 'delivered' | 'refused' | 'no-answer' | 'address-withdrawn'

/** What one attempt came to; `null`: worth another one. */
type Attempt = Outcome | null

/** Waits after each failed attempt, in ms: seven minutes in all, then the client has to find out by itself. */
const WAITS_MS = [5_000, 15_000, 60_000, 120_000, 240_000] as const
/** A process that is killed during an attempt keeps a notice from the others for so long. */
const LEASE_MS = 30_000
/** At most so many attempts at a time. */
const NOTICES_AT_A_TIME = 20

/** Answers that may be another one next time. @see RFC 9110 §15.5.9, §15.6, RFC 6585 §4 */
const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500

/**
 * Delivers what is due, each notice over as many instances once. A success is 200 or 204; a refusal is final, because
 * the specification forbids to repeat what failed for good.
 * @param isClosing whether to stop after the attempts at hand
 * @see OpenID Connect Back-Channel Logout 1.0 §2.5, §2.8
 */
export async function deliverAllNotices(delivery: DeliverNotices, isClosing: () => boolean): Promise<void> {
  let tried = NOTICES_AT_A_TIME
  while (tried === NOTICES_AT_A_TIME && !isClosing()) tried = await deliverSomeNotices(delivery)
}

/** @returns how many notices were tried */
async function deliverSomeNotices(delivery: DeliverNotices): Promise<number> {
  const { store, clock } = delivery.server
  const nowMs = clock()
  const notices = await store.logoutNotices.claim({ nowMs, leaseUntilMs: nowMs + LEASE_MS, limit: NOTICES_AT_A_TIME })
  const settled = await Promise.allSettled(
    notices.map(async notice => {
      await deliver(delivery, notice)
    })
  )
  for (const result of settled) if (result.status === 'rejected') throw result.reason
  return notices.length
}

async function deliver(delivery: DeliverNotices, notice: LogoutNotice): Promise<void> {
  const { server, audit } = delivery
  const waitMs = WAITS_MS[notice.attempts - 1]
  const outcome = (await attempt(delivery, notice)) ?? (waitMs === undefined ? 'no-answer' : null)
  if (outcome === null) {
    await server.store.logoutNotices.postpone(notice, server.clock() + (waitMs ?? 0))
    return
  }
  // The row first: what ends between the two is delivered again, and never forgotten.
  await audit.write({
    action: 'logout.notify',
    outcome: outcome === 'delivered' ? 'success' : 'failure',
    reason: outcome,
    resource: { type: 'session', id: notice.sessionId },
    subject: notice.userId,
    clientId: notice.clientId,
    detail: { client: notice.clientId, attempts: notice.attempts }
  })
  await server.store.logoutNotices.remove(notice.id)
}

async function attempt({ server, send, onFailure }: DeliverNotices, notice: LogoutNotice): Promise<Attempt> {
  if (notice.uri === null) return 'address-withdrawn'
  const token = await issueLogoutToken(server, notice)
  try {
    const status = await send(notice.uri, token)
    if (status === 200 || status === 204) return 'delivered'
    onFailure(notice, new Error(`status ${status}`))
    return isPassing(status) ? null : 'refused'
  } catch (cause) {
    onFailure(notice, cause)
    return null
  }
}
