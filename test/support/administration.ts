import { DEFAULT_PASSWORD_POLICY } from '../../auth-server/src/accounts/passwords/password-policy.ts'
import { createPasswordHasher, keyTimesOf, parseKeyRing, postgresStore, type admin } from '@sallyport/auth-server'
import type { Knex } from 'knex'
import { CHEAP, SETTINGS } from './authorization-server.ts'

/** The administration functions' collaborators on a test database. */
export function administration(
  db: Knex,
  clock: () => number = Date.now,
  sealingKeys = SETTINGS.sealingKeys
): admin.KeyAdministration {
  return {
    store: postgresStore(db),
    clock,
    passwords: createPasswordHasher({ parameters: CHEAP, concurrency: 2, queueLength: 100 }),
    passwordPolicy: DEFAULT_PASSWORD_POLICY,
    statusListSize: 1024,
    ring: parseKeyRing(sealingKeys),
    keyTimes: keyTimesOf(SETTINGS),
    audit: async () => {}
  }
}
