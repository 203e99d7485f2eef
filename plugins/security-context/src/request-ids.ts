import { randomUUID } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Principal } from './principal.ts'

/** The field in which every answer names its request. */
export const REQUEST_ID_HEADER = 'x-request-id'

/**
 * The field in which a hop tells the next one for which transaction it calls. It is a claim, not a proof: believe it
 * only from a caller who is authenticated and may state it, and let it in from nowhere else.
 */
export const TXN_HEADER = 'sallyport-txn'

/** A UUID in lower case. */
const TXN_FORM = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Longest id of a caller that is recorded, in UTF-16 code units. */
const LONGEST_CLIENT_REQUEST_ID = 64
const UNUSUAL_IN_IDS = /[^A-Za-z0-9._:/+=@~-]/g

/** A new transaction id: for a request that begins one, or for a job. */
export function newTxn(): string {
  return randomUUID()
}

/** The transaction that a request states in {@link TXN_HEADER}; `null` when it states none, or not as a UUID. */
export function statedTxn({ headers }: Pick<FastifyRequest, 'headers'>): string | null {
  const stated = headers[TXN_HEADER]
  return typeof stated === 'string' && TXN_FORM.test(stated) ? stated : null
}

/**
 * The transaction of the caller's token: its claim `txn`; `null` when it has none.
 * @see RFC 8417 §2.2
 */
export function tokenTxn({ principal }: Pick<FastifyRequest, 'principal'>): string | null {
  // An authentication of somebody else's may know a caller without claims.
  const { claims }: Partial<Principal> = principal ?? {}
  return typeof claims?.txn === 'string' ? claims.txn : null
}

/**
 * What the caller named its request, where that did not become the request's id: bounded, and any character that ids do
 * not need becomes `?`, so that it can be shown and searched anywhere. `null` when the caller named nothing else.
 */
export function clientRequestId({ headers, id }: Pick<FastifyRequest, 'headers' | 'id'>): string | null {
  const given = headers[REQUEST_ID_HEADER]
  if (typeof given !== 'string' || given === '' || given === id) return null
  return given.slice(0, LONGEST_CLIENT_REQUEST_ID).replace(UNUSUAL_IN_IDS, '?')
}
