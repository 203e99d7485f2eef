import type { FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import { withDeadline } from '@sallyport/security-context/mechanics'
import { countEntriesWithoutIssuer } from './acl.ts'
import { AclEntryWithoutIssuerError } from './errors.ts'
import type { ReadAuthorizationOptions } from './options.ts'
import type { IssuerCount } from './validate-policy.ts'

/** Decorated by whoever finds out who is calling. */
const TRUSTED_ISSUERS = 'trustedIssuers'

/** Of how many issuers the app takes tokens, by the option or by what authentication says; asked when needed. */
export function issuerCount(
  fastify: FastifyInstance,
  { issuers }: Pick<ReadAuthorizationOptions, 'issuers'>
): () => IssuerCount {
  return () => {
    if (issuers !== undefined) return issuers
    if (!fastify.hasDecorator(TRUSTED_ISSUERS)) return 'one'
    const trusted = fastify.getDecorator<unknown>(TRUSTED_ISSUERS)
    return Array.isArray(trusted) && trusted.length > 1 ? 'several' : 'one'
  }
}

/**
 * Refuses entries of the access control list that name no issuer, in an app that takes tokens of several. A list that
 * cannot be read does not keep the app from starting: such entries give nothing anyway.
 * @throws {AclEntryWithoutIssuerError} `SALLYPORT_AUTHORIZATION_ACL_ISSUER_MISSING`
 */
export async function refuseEntriesWithoutIssuer(
  fastify: FastifyInstance,
  { db, timeoutMs }: { readonly db: Knex; readonly timeoutMs: number }
): Promise<void> {
  const entries = await withDeadline(countEntriesWithoutIssuer(db), timeoutMs).catch((err: unknown) => {
    fastify.log.warn({ err }, 'the access control list could not be checked for entries without issuer')
    return 0
  })
  if (entries > 0) throw new AclEntryWithoutIssuerError(`${entries} entries`)
}
