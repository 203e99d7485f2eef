import type { Confirmation } from '../../store/confirmation.ts'
import type { WriteAudit, WriteAuditWith } from '../../store/contract.ts'
import type { Client } from '../../store/records.ts'
import type { AccountParts } from '../account-parts.ts'

/** A client's request that starts or continues a user's session. */
export interface SessionContext {
  readonly server: Pick<AccountParts, 'store' | 'clock' | 'lifetimes' | 'statusListSize'>
  readonly client: Client
  /** The keys that the client has proven to hold; `null`: none. */
  readonly confirmation: Confirmation | null
  readonly audit: WriteAudit
}

/** A client's request that continues one. */
export interface RotationContext extends SessionContext {
  readonly auditWith: WriteAuditWith
}
