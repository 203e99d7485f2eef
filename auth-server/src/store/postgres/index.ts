import type { Knex } from 'knex'
import type { Store } from '../contract.ts'
import { audienceStore } from './audience-rows.ts'
import { authorizationCodeStore } from './authorization-codes.ts'
import { clientStore } from './clients.ts'
import { consentStore } from './consents.ts'
import { housekeepingStore } from './housekeeping.ts'
import { loginAttemptStore } from './login-attempts.ts'
import { logoutNoticeStore } from './logout-notices.ts'
import { opaqueTokenStore } from './opaque-tokens.ts'
import { pushedRequestStore } from './pushed-requests.ts'
import { replayStore } from './replays.ts'
import { roleStore } from './role-rows.ts'
import { scopeStore } from './scope-rows.ts'
import { sessionStore } from './sessions.ts'
import { signInStore } from './sign-ins.ts'
import { signingKeyStore } from './signing-keys.ts'
import { statusListStore } from './status-lists.ts'
import { userStore } from './users.ts'

/**
 * The storage contract on PostgreSQL.
 * @param db a pool, or a transaction of one
 */
export function postgresStore(db: Knex): Store {
  return Object.freeze({
    connection: db,
    users: userStore(db),
    clients: clientStore(db),
    audiences: audienceStore(db),
    scopes: scopeStore(db),
    roles: roleStore(db),
    sessions: sessionStore(db),
    signIns: signInStore(db),
    authorizationCodes: authorizationCodeStore(db),
    pushedRequests: pushedRequestStore(db),
    consents: consentStore(db),
    logoutNotices: logoutNoticeStore(db),
    opaqueTokens: opaqueTokenStore(db),
    replays: replayStore(db),
    signingKeys: signingKeyStore(db),
    statusLists: statusListStore(db),
    loginAttempts: loginAttemptStore(db),
    housekeeping: housekeepingStore(db),
    transaction: async <T>(work: (store: Store) => Promise<T>): Promise<T> =>
      await db.transaction(async trx => await work(postgresStore(trx)))
  })
}
