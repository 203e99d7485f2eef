import type { FastifyRequest } from 'fastify'
import type { JoinHash } from './privacy/join-hash.ts'
import type { AuditQuery } from './query.ts'
import { requestAuditState } from './request-state.ts'

/** What may be asked of a trail, also by those who may read personal values, or of several. */
export type AskedQuery = Omit<Partial<AuditQuery>, 'after'> & {
  /** A place in one trail, or in several. */
  readonly after?: number | string | undefined
  readonly name?: string
  readonly sourceAddress?: string
}

/** Keeps what somebody asks a trail for: the row that says who read it says that too. Call it before it is read. */
export function noteAuditQuery(request: FastifyRequest, query: AskedQuery): void {
  requestAuditState(request).asked = askedOfTrail(query)
}

/**
 * What was asked for, for the row that records it. A name and an address are there as keyed hashes only: sealed in a
 * row of the reader, they would outlive the erasure of the person whom they belong to.
 * @param joinHash needed where a query has a name or an address in clear
 */
export function askedOfTrail(query: AskedQuery, joinHash?: JoinHash): Readonly<Record<string, unknown>> {
  const { from, until, nameTried, name, sourceAddress, ...others } = query
  return {
    ...others,
    ...(from !== undefined && { from: from.toISOString() }),
    ...(until !== undefined && { until: until.toISOString() }),
    ...(nameTried !== undefined && { nameHash: nameTried }),
    ...(name !== undefined && joinHash !== undefined && { nameHash: joinHash.hashName(name) }),
    ...(sourceAddress !== undefined && joinHash !== undefined && { addressHash: joinHash.hashValue(sourceAddress) })
  }
}
