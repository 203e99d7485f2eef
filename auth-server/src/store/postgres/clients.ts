import type { Knex } from 'knex'
import type { ClientStore } from '../contract.ts'
import type { GrantType } from '../grant-types.ts'
import type { AuthenticationMethod, Client, ClientSecret } from '../records.ts'
import { proofColumnsOf, proofOf, type ProofColumns } from './client-proof.ts'
import { millisecondsOrNull, timeOf, timeOrNull } from './time.ts'

interface ClientRow extends ProofColumns {
  readonly id: string
  readonly name: string
  readonly confidential: boolean
  readonly authentication_methods: AuthenticationMethod[]
  readonly grant_types: GrantType[]
  readonly scopes: string[]
  readonly own_audience: string | null
  readonly default_audience: string | null
  readonly audiences: string[]
  readonly access_token_format: 'jwt' | 'opaque'
  readonly redirect_uris: string[]
  readonly backchannel_logout_uri: string | null
  readonly post_logout_redirect_uris: string[]
  readonly first_party: boolean
  readonly pushed_requests_required: boolean
  readonly status_list_id: string
  readonly status_index: number
  readonly disabled_at: Date | null
}

interface SecretRow {
  readonly secret_id: string | null
  readonly secret_hash: Buffer
  readonly secret_expires_at: Date | null
}

const WITH_SECRETS = `select clients.*, client_secrets.id as secret_id, client_secrets.hash as secret_hash, client_secrets.expires_at as secret_expires_at
  from clients left join client_secrets on client_secrets.client_id = clients.id where clients.id = ? order by client_secrets.created_at desc`

const foundBy = (row: ClientRow | undefined): Client | null => (row === undefined ? null : clientOf(row))

/** Clients and their secrets on PostgreSQL. */
export function clientStore(db: Knex): ClientStore {
  return {
    find: async id => foundBy(await db<ClientRow>('clients').where({ id }).first()),
    lockForUse: async id => foundBy(await db<ClientRow>('clients').where({ id }).forShare().first()),
    lockForChange: async id => foundBy(await db<ClientRow>('clients').where({ id }).forNoKeyUpdate().first()),
    findWithSecrets: async id => {
      const { rows } = await db.raw<{ rows: Array<ClientRow & SecretRow> }>(WITH_SECRETS, [id])
      const [first] = rows
      return first === undefined ? null : { client: clientOf(first), secrets: rows.flatMap(secretOf) }
    },
    create: async (client, nowMs) => {
      const inserted = await db('clients')
        .insert({ ...rowOf(client), created_at: timeOf(nowMs) })
        .onConflict('id')
        .ignore()
        .returning('id')
      return inserted.length > 0
    },
    addSecret: async (clientId, secret, nowMs) => {
      await db('client_secrets').insert({
        id: secret.id,
        client_id: clientId,
        hash: secret.hash,
        created_at: timeOf(nowMs),
        expires_at: timeOrNull(secret.expiresAtMs)
      })
    },
    expireOtherSecrets: async (clientId, keptSecretId, expiresAtMs) => {
      await db('client_secrets')
        .where({ client_id: clientId })
        .whereNot({ id: keptSecretId })
        .where(query => query.whereNull('expires_at').orWhere('expires_at', '>', timeOf(expiresAtMs)))
        .update({ expires_at: timeOf(expiresAtMs) })
    },
    setStatus: async (id, status) => {
      await db('clients').where({ id }).update({ status_list_id: status.listId, status_index: status.index })
    },
    setProof: async (id, proof) => {
      await db('clients').where({ id }).update(proofColumnsOf(proof))
    },
    setLogout: async (id, { backchannelLogoutUri, postLogoutRedirectUris }) => {
      await db('clients')
        .where({ id })
        .update({
          backchannel_logout_uri: backchannelLogoutUri,
          post_logout_redirect_uris: [...postLogoutRedirectUris]
        })
    },
    setDisabled: async (id, disabledAtMs) => {
      await db('clients')
        .where({ id })
        .update({ disabled_at: timeOrNull(disabledAtMs) })
    },
    list: async () => (await db<ClientRow>('clients').orderBy('id')).map(clientOf)
  }
}

function clientOf(row: ClientRow): Client {
  return {
    id: row.id,
    name: row.name,
    confidential: row.confidential,
    authenticationMethods: row.authentication_methods,
    grantTypes: row.grant_types,
    scopes: row.scopes,
    ownAudience: row.own_audience,
    defaultAudience: row.default_audience,
    audiences: row.audiences,
    accessTokenFormat: row.access_token_format,
    redirectUris: row.redirect_uris,
    backchannelLogoutUri: row.backchannel_logout_uri,
    postLogoutRedirectUris: row.post_logout_redirect_uris,
    firstParty: row.first_party,
    pushedRequestsRequired: row.pushed_requests_required,
    proof: proofOf(row),
    status: { listId: row.status_list_id, index: row.status_index },
    disabledAtMs: millisecondsOrNull(row.disabled_at)
  }
}

function rowOf(client: Client): Record<string, unknown> {
  return {
    id: client.id,
    name: client.name,
    confidential: client.confidential,
    authentication_methods: client.authenticationMethods,
    grant_types: client.grantTypes,
    scopes: client.scopes,
    own_audience: client.ownAudience,
    default_audience: client.defaultAudience,
    audiences: client.audiences,
    access_token_format: client.accessTokenFormat,
    redirect_uris: client.redirectUris,
    backchannel_logout_uri: client.backchannelLogoutUri,
    post_logout_redirect_uris: client.postLogoutRedirectUris,
    first_party: client.firstParty,
    pushed_requests_required: client.pushedRequestsRequired,
    ...proofColumnsOf(client.proof),
    status_list_id: client.status.listId,
    status_index: client.status.index,
    disabled_at: timeOrNull(client.disabledAtMs)
  }
}

function secretOf(row: SecretRow): ClientSecret[] {
  if (row.secret_id === null) return []
  return [{ id: row.secret_id, hash: row.secret_hash, expiresAtMs: millisecondsOrNull(row.secret_expires_at) }]
}
