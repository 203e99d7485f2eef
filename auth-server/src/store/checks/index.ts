import type { StoreCheck } from './check.ts'
import { NOTICE_CHECKS } from './notice-checks.ts'
import { REGISTRY_CHECKS } from './registry-checks.ts'
import { ROLE_CHECKS } from './role-checks.ts'
import { ROTATION_CHECKS } from './rotation-checks.ts'
import { SERVER_CHECKS } from './server-checks.ts'
import { SESSION_CHECKS } from './session-checks.ts'
import { SUBJECT_CHECKS } from './subject-checks.ts'
import { USER_CHECKS } from './user-checks.ts'

export type { StoreCheck } from './check.ts'

/**
 * What any store has to pass, whatever the test runner: run each check on the store, best with two connections to one
 * database so that its races are real ones.
 */
export const STORE_CHECKS: readonly StoreCheck[] = [
  ...ROTATION_CHECKS,
  ...SESSION_CHECKS,
  ...USER_CHECKS,
  ...SUBJECT_CHECKS,
  ...REGISTRY_CHECKS,
  ...ROLE_CHECKS,
  ...SERVER_CHECKS,
  ...NOTICE_CHECKS
]
