import type { Knex } from 'knex'
import type { Principal } from '@sallyport/security-context'
import { AclEntryWithoutIssuerError } from './errors.ts'
import type { AccessQuestion } from './evaluate.ts'
import type { IssuerCount } from './validate-policy.ts'

/** The table of the access control list. */
export const ACL_TABLE = 'acl_entries'

/** Stands for "the only issuer that this service trusts" in the primary key, where PostgreSQL allows no NULL. */
const ANY_ISSUER = ''

interface AclRow {
  readonly issuer: string
  readonly subject: string
  readonly resource_type: string
  readonly resource_id: string
  readonly permission: string
}

/** One entry: this subject has this permission on this resource. */
export interface AclEntry {
  /**
   * Issuer of the subject. Left out: the subject of the only issuer that the service trusts. Where there are several,
   * such an entry gives nothing.
   */
  readonly issuer?: string | null
  readonly subject: string
  readonly resourceType: string
  readonly resourceId: string
  readonly permission: string
}

/**
 * Gives a permission; giving it twice changes nothing. Pass the transaction of the change that causes it.
 * @param issuers `several` refuses an entry without issuer, as an app does that takes tokens of several
 * @throws {AclEntryWithoutIssuerError} `SALLYPORT_AUTHORIZATION_ACL_ISSUER_MISSING`
 */
export async function grantAccess(db: Knex, entry: AclEntry, issuers: IssuerCount = 'one'): Promise<void> {
  if (issuers === 'several' && (entry.issuer ?? ANY_ISSUER) === ANY_ISSUER) {
    throw new AclEntryWithoutIssuerError('an entry')
  }
  await db(ACL_TABLE).insert(aclRowOf(entry)).onConflict().ignore()
}

/** Withdraws a permission, from the next decision on. @returns whether there was such an entry */
export async function withdrawAccess(db: Knex, entry: AclEntry): Promise<boolean> {
  return (await db(ACL_TABLE).where(aclRowOf(entry)).delete()) > 0
}

/** Whether an entry gives the subject this permission: one for its issuer or, of one issuer, one without. */
export async function hasAccess(db: Knex, entry: AclEntry, issuers: IssuerCount = 'one'): Promise<boolean> {
  const { issuer, ...row } = aclRowOf(entry)
  const counting = countingIssuers(issuer, issuers)
  const found: unknown = await db(ACL_TABLE).where(row).whereIn('issuer', counting).first(db.raw('1'))
  return found !== undefined
}

/**
 * How many entries name no issuer: none may in an app that takes tokens of several, where each would be a permission of
 * several people.
 */
export async function countEntriesWithoutIssuer(db: Knex): Promise<number> {
  const [row] = await db<AclRow>(ACL_TABLE).where('issuer', ANY_ISSUER).count({ entries: '*' })
  return Number(row?.entries ?? 0)
}

/** The issuers under which an entry for a subject of this issuer can stand. */
function countingIssuers(issuer: string | null, issuers: IssuerCount): readonly string[] {
  const named = issuer ?? ANY_ISSUER
  if (issuers === 'one') return [ANY_ISSUER, named]
  return named === ANY_ISSUER ? [] : [named]
}

/**
 * Reads from the access control list what one decision needs, in one query. Nothing is cached: withdrawing an entry
 * takes effect with the next decision.
 */
export async function loadAccess(
  db: Knex,
  principal: Principal,
  questions: readonly AccessQuestion[],
  issuers: IssuerCount = 'one'
): Promise<(question: AccessQuestion) => boolean> {
  const rows = await db<AclRow>(ACL_TABLE)
    .where('subject', principal.subject)
    .whereIn('issuer', countingIssuers(principal.issuer, issuers))
    .whereIn(
      ['resource_type', 'resource_id', 'permission'],
      questions.map(question => [question.resourceType, question.resourceId, question.permission])
    )
    .select('resource_type', 'resource_id', 'permission')
  const entries = new Set(rows.map(row => JSON.stringify([row.resource_type, row.resource_id, row.permission])))
  return ({ resourceType, resourceId, permission }) =>
    entries.has(JSON.stringify([resourceType, resourceId, permission]))
}

/** The SQL condition "an entry gives the principal this permission on the resource whose id is in this column". */
export function aclCondition(
  principal: Principal,
  rule: { readonly resourceType: string; readonly permission: string },
  column: string,
  issuers: IssuerCount = 'one'
): { sql: string; bindings: string[] } {
  const counting = countingIssuers(principal.issuer, issuers)
  if (counting.length === 0) return { sql: 'false', bindings: [] }
  return {
    sql: `exists (select 1 from ?? as acl where acl.subject = ? and acl.issuer in (${counting.map(() => '?').join(', ')}) and acl.resource_type = ? and acl.permission = ? and acl.resource_id = ??::text)`,
    bindings: [ACL_TABLE, principal.subject, ...counting, rule.resourceType, rule.permission, column]
  }
}

function aclRowOf(entry: AclEntry): AclRow {
  return {
    issuer: entry.issuer ?? ANY_ISSUER,
    subject: entry.subject,
    resource_type: entry.resourceType,
    resource_id: entry.resourceId,
    permission: entry.permission
  }
}
