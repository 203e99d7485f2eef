import type { Knex } from 'knex'
import type { ConsentStore } from '../contract.ts'
import { timeOf } from './time.ts'

interface ConsentRow {
  readonly user_id: string
  readonly client_id: string
  readonly scopes: string[]
}

const ADD_CONSENT = `insert into consents (user_id, client_id, scopes, granted_at) values (:userId, :clientId, :scopes, :now)
  on conflict (user_id, client_id) do update
  set scopes = array(select distinct unnest(consents.scopes || excluded.scopes) order by 1), granted_at = excluded.granted_at`

/** What users have allowed clients, on PostgreSQL. */
export function consentStore(db: Knex): ConsentStore {
  return {
    find: async (userId, clientId) =>
      (await db<ConsentRow>('consents').where({ user_id: userId, client_id: clientId }).first('scopes'))?.scopes ?? [],
    ofUser: async userId =>
      (
        await db<ConsentRow>('consents').where({ user_id: userId }).orderBy('client_id').select('client_id', 'scopes')
      ).map(({ client_id: clientId, scopes }) => ({ clientId, scopes })),
    add: async (userId, clientId, scopes, nowMs) => {
      await db.raw(ADD_CONSENT, { userId, clientId, scopes: [...scopes], now: timeOf(nowMs) })
    },
    remove: async (userId, clientId) => {
      await db('consents').where({ user_id: userId, client_id: clientId }).delete()
    }
  }
}
