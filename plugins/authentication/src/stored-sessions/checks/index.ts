import type { SessionStoreCheck } from './session-store-check.ts'
import { ENDING_CHECKS } from './ending-checks.ts'
import { KEEPING_CHECKS } from './keeping-checks.ts'
import { LEASE_CHECKS } from './lease-checks.ts'

export type { SessionStoreCheck } from './session-store-check.ts'

/**
 * What any store of sessions has to pass, whatever the test runner: run each check on the store, best with two
 * connections to one server so that its races are real ones.
 */
export const SESSION_STORE_CHECKS: readonly SessionStoreCheck[] = [...LEASE_CHECKS, ...KEEPING_CHECKS, ...ENDING_CHECKS]
