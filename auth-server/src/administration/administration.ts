import type { PasswordHasher } from '../accounts/passwords/password-hasher.ts'
import type { PasswordPolicy } from '../accounts/passwords/password-policy.ts'
import type { Clock } from '@sallyport/security-context/mechanics'
import type { Store, WriteAudit } from '../store/contract.ts'

/** What the administration functions work with; the same for the admin API, the CLI and the demo data. */
export interface Administration {
  readonly store: Store
  readonly clock: Clock
  readonly passwords: PasswordHasher
  /** What new passwords have to be. */
  readonly passwordPolicy: PasswordPolicy
  /** Positions in a new status list. */
  readonly statusListSize: number
  readonly audit: WriteAudit
}
