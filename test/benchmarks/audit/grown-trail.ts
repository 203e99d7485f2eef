import type { AuditQuery } from '@sallyport/audit-log'
import type { AuditEvent } from '@sallyport/security-context'

/**
 * What a row of the growing trail is about, by its place in it: rows are a second apart. Their time is in the future: a
 * row about pruning has the true time, and would be the first that is too young for the next pruning.
 */
export const START_MS = Date.UTC(2060, 0, 1)
export const SUBJECTS = 5003
export const CLIENTS = 5
export const ACTIONS = 24
/** One row in so many is a refusal. */
export const REFUSED = 20
/** Refusals have one of seven reasons. */
export const REASONS = REFUSED * 7
/** And one in so many has an action that is hardly ever seen. */
export const RARE = 50_021
export const ROWS_OF_TRANSACTION = 3

const isRefused = (place: number): boolean => place % REFUSED === 0
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
export const timeOfPlace = (place: number): Date => new Date(START_MS + place * 1000)

/** The event of a row. */
export const grownEvent = (place: number): AuditEvent => ({
  action: place % RARE === 0 ? 'key.compromised' : `order.action-${place % ACTIONS}`,
  outcome: isRefused(place) ? 'denied' : 'success',
  ...(isRefused(place) && { reason: `reason-${place % REASONS}` }),
  subject: `user-${(place * 7) % SUBJECTS}`,
  clientId: `client-${place % CLIENTS}`,
  resource: { type: 'order', id: `order-${place}` },
  txn: `txn-${Math.floor(place / ROWS_OF_TRANSACTION)}`,
  detail: { status: isRefused(place) ? 403 : 200, method: 'POST', route: '/orders/:orderId', step: place % 10 }
})

/** Who, where and which request. */
export const grownPlace = (
  place: number
): { now: Date; requestId: string; traceId: string; sourceAddress: string; userAgent: string } => ({
  now: timeOfPlace(place),
  requestId: `request-${place}`,
  traceId: hex(place, 32),
  sourceAddress: `203.0.113.${place % 200}`,
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
})

/** What a page is asked for by: of the row at a place, or what no row has. */
export const FILTERED: Readonly<Record<string, (place: number, isThere: boolean) => Partial<AuditQuery>>> = {
  nothing: () => ({}),
  place: place => ({ after: place }),
  subject: (place, isThere) => ({ subject: isThere ? `user-${(place * 7) % SUBJECTS}` : 'nobody' }),
  client: (place, isThere) => ({ clientId: isThere ? `client-${place % CLIENTS}` : 'no-client' }),
  action: (place, isThere) => ({ action: isThere ? `order.action-${place % ACTIONS}` : 'order.nothing' }),
  'rare action': (_, isThere) => ({ action: isThere ? 'key.compromised' : 'key.nothing' }),
  outcome: (_, isThere) => ({ outcome: isThere ? 'denied' : 'failure' }),
  reason: (place, isThere) => ({ reason: isThere ? `reason-${(place * REFUSED) % REASONS}` : 'reason-nothing' }),
  resource: (place, isThere) => ({ resourceType: 'order', resourceId: isThere ? `order-${place}` : 'order-none' }),
  request: (place, isThere) => ({ requestId: isThere ? `request-${place}` : 'request-none' }),
  trace: (place, isThere) => ({ traceId: isThere ? hex(place, 32) : hex(0, 31) }),
  transaction: (place, isThere) => ({ txn: isThere ? `txn-${Math.floor(place / ROWS_OF_TRANSACTION)}` : 'txn-none' }),
  'subject and outcome': (place, isThere) => ({
    subject: `user-${(place * 7) % SUBJECTS}`,
    outcome: isThere ? 'denied' : 'failure'
  }),
  'a time': place => ({ until: timeOfPlace(place) }),
  'an hour': place => ({ from: timeOfPlace(place), until: timeOfPlace(place + 3600) }),
  'a week': place => ({ from: timeOfPlace(place), until: timeOfPlace(place + 7 * 86_400) }),
  'a week, from its beginning': place => ({
    order: 'oldest',
    from: timeOfPlace(place),
    until: timeOfPlace(place + 7 * 86_400)
  }),
  'a week and a subject': (place, isThere) => ({
    from: timeOfPlace(place),
    until: timeOfPlace(place + 7 * 86_400),
    subject: isThere ? `user-${(place * 7) % SUBJECTS}` : 'nobody'
  }),
  'a type and a time': place => ({ resourceType: 'order', until: timeOfPlace(place) }),
  'an hour and a client': (place, isThere) => ({
    from: timeOfPlace(place),
    until: timeOfPlace(place + 3600),
    clientId: isThere ? `client-${place % CLIENTS}` : 'no-client'
  })
}
