import { allOf, role, scope } from '@sallyport/authorization'

/** Administration needs the scope and, still, the role: a token keeps no right that its user has lost. */
export const ADMIN_ACCESS = allOf(scope('admin'), role('ADMIN'))

/** Who reads the audit trail. */
export const AUDIT_ACCESS = allOf(scope('audit:read'), role('ADMIN'))

/** Who reads what the audit trail says of persons, such as names and addresses. */
export const PERSONAL_AUDIT_ACCESS = allOf(scope('audit:personal'), role('ADMIN'))

/** Who sees what is inside the process, and changes the level of its log. */
export const OPERATIONS_ACCESS = allOf(scope('operations'), role('ADMIN'))
