import type { AuditEvent } from '@sallyport/security-context'
import type { Knex } from 'knex'
import { grantAccess, withdrawAccess, type AclEntry } from './acl.ts'
import type { IssuerCount } from './validate-policy.ts'

/** Writes an event in the transaction of the change: `request.audit`, or `auditWithin` of a job. */
export type RecordAccessChange = (trx: Knex, event: AuditEvent) => Promise<void>

/** Changes of an access control list that leave a record. */
export interface AccessChanges {
  /**
   * Gives a permission, recorded as `access.grant`, also where it was given before.
   * @throws {AclEntryWithoutIssuerError} `SALLYPORT_AUTHORIZATION_ACL_ISSUER_MISSING`
   */
  readonly grant: (trx: Knex, entry: AclEntry) => Promise<void>
  /** Withdraws a permission, recorded as `access.withdraw` where there was one. @returns whether there was one */
  readonly withdraw: (trx: Knex, entry: AclEntry) => Promise<boolean>
}

/**
 * Changes an access control list and records it in the same transaction: who was given which permission on what, so
 * that none of the two is ever there alone.
 * @param record where it is recorded; what it throws rolls back the change
 * @param issuers `several` refuses entries without issuer
 */
export function recordedAccessChanges(record: RecordAccessChange, issuers: IssuerCount = 'one'): AccessChanges {
  const write = async (trx: Knex, verb: 'grant' | 'withdraw', entry: AclEntry): Promise<void> => {
    const { issuer = null, subject, resourceType, resourceId, permission } = entry
    await record(trx, {
      action: `access.${verb}`,
      outcome: 'success',
      resource: { type: resourceType, id: resourceId },
      detail: { permission, grantee: { issuer, subject } }
    })
  }
  return {
    grant: async (trx, entry) => {
      await grantAccess(trx, entry, issuers)
      await write(trx, 'grant', entry)
    },
    withdraw: async (trx, entry) => {
      const wasThere = await withdrawAccess(trx, entry)
      if (wasThere) await write(trx, 'withdraw', entry)
      return wasThere
    }
  }
}
