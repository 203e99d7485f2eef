import type { AuditSink } from '@sallyport/security-context'
import type { LogoutNotice } from '../../store/records.ts'
import type { AuthorizationServer, JwtIssuer } from '../authorization-server.ts'
import { issueLogoutToken } from './logout-token.ts'
import type { SendLogoutToken } from './send-logout-token.ts'

/** What {@link deliverAllNotices} works with. */
export interface DeliverNotices {
  readonly server: JwtIssuer & Pick<AuthorizationServer, 'store'>
  readonly send: SendLogoutToken
  readonly audit: AuditSink
  /** Called for every failed attempt. */
  readonly onFailure: (notice: LogoutNotice, cause: unknown) => void
}

/** How the delivery of a notice ended. */
type DeliveryOutcome = 'delivered' | 'refused' | 'no-answer' | 'address-withdrawn'

/** How one attempt ended; `null`: another one is worth it. */
type Attempt = DeliveryOutcome | null

/** Waits after each failed attempt, in ms: seven minutes in all, after which the client is on its own. */
const WAITS_MS = [5_000, 15_000, 60_000, 120_000, 240_000] as const
/** How long a process that is killed during an attempt keeps its notice from the others. */
const NOTICE_LEASE_MS = 30_000
/** How many attempts run at a time. */
const NOTICES_AT_A_TIME = 20

/** Answers that may be different next time. @see RFC 9110 §15.5.9, §15.6, RFC 6585 §4 */
const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500

/**
 * Delivers what is due, each notice once however many instances there are. 200 and 204 are success; a refusal is final,
 * because the specification forbids repeating what failed for good.
 * @param isClosing whether to stop after the attempts in progress
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
  const notices = await store.logoutNotices.claim({
    nowMs,
    leaseUntilMs: nowMs + NOTICE_LEASE_MS,
    limit: NOTICES_AT_A_TIME
  })
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
  const outcome = (await attemptDelivery(delivery, notice)) ?? (waitMs === undefined ? 'no-answer' : null)
  if (outcome === null) {
    await server.store.logoutNotices.postpone(notice, server.clock() + (waitMs ?? 0))
    return
  }
  // The audit row first: a process that ends between the two delivers again and forgets nothing.
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

async function attemptDelivery({ server, send, onFailure }: DeliverNotices, notice: LogoutNotice): Promise<Attempt> {
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
