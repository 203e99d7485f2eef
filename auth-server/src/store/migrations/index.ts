import { namedMigrations } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import * as keysAndStatus from './001-keys-and-status-lists.ts'
import * as usersAndClients from './002-users-and-clients.ts'
import * as sessionsAndTokens from './003-sessions-and-tokens.ts'
import * as boundTokens from './005-bound-tokens.ts'
import * as authorizationCodes from './006-authorization-codes.ts'
import * as logout from './007-logout.ts'
import * as housekeeping from './008-housekeeping.ts'
import * as lateRepeats from './009-late-repeats.ts'
import * as audiencesAndVersions from './010-audiences-and-versions.ts'
import * as userVersions from './012-user-versions.ts'
import * as roles from './013-roles.ts'

interface ListedMigration extends Knex.Migration {
  readonly name: string
}

const MIGRATIONS: readonly ListedMigration[] = [
  keysAndStatus.migration,
  usersAndClients.migration,
  sessionsAndTokens.migration,
  boundTokens.migration,
  authorizationCodes.migration,
  logout.migration,
  housekeeping.migration,
  lateRepeats.migration,
  audiencesAndVersions.migration,
  userVersions.migration,
  roles.migration
]

/** The tables whose rows the running server reads and writes. */
export const APP_TABLES = [
  'users',
  'user_roles',
  'roles',
  'clients',
  'client_secrets',
  'scopes',
  'audiences',
  'sessions',
  'refresh_tokens',
  'opaque_access_tokens',
  'replayed_ids',
  'signing_keys',
  'status_lists',
  'status_indexes',
  'login_attempts',
  'sign_ins',
  'authorization_codes',
  'pushed_requests',
  'consents',
  'logout_notices'
] as const

/** The migrations under fixed names: the same whether they run from source or from `dist`. */
export const migrations = namedMigrations<Knex.Migration>(
  'auth_server_migrations',
  Object.fromEntries(MIGRATIONS.map(migration => [migration.name, migration]))
)
