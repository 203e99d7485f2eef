import type { Store } from '../store/contract.ts'
import type { User } from '../store/records.ts'
import type { Administration } from './administration.ts'
import { beforeAndAfter } from './audit-change.ts'
import { userSummary } from './read-users.ts'

/** What the trail says of a change. */
const AUDITED_USER_FIELDS = ['username', 'roles', 'disabled'] as const

/** Writes the audit row of a change: there is no `before` of a new user, and no `after` of one who is gone. */
export async function auditUser(
  { audit }: Pick<Administration, 'audit'>,
  trx: Store,
  action: string,
  before: User | null,
  after: User | null
): Promise<void> {
  const user = after ?? before
  await audit(trx, {
    action,
    outcome: 'success',
    ...(user !== null && { resource: { type: 'user', id: user.id }, person: user.id }),
    detail: beforeAndAfter(
      AUDITED_USER_FIELDS,
      before === null ? null : userSummary(before),
      after === null ? null : userSummary(after)
    )
  })
}
