import type { Knex } from 'knex'
import { CLIENT_FIELD_LIST } from '../client-fields.ts'
import type { ClientStore } from '../contract.ts'
import type { Client, ClientRegistration, ClientSecret } from '../records.ts'
import { groupReads } from './group-reads.ts'
import { millisecondsOrNull, timeOf, timeOrNull } from './time.ts'

/** What a client is read as: the fields under their own names, and the columns that are no fields. */
interface ClientRow extends ClientRegistration {
  readonly status_list_id: string
  readonly status_index: number
  readonly version: number
  readonly disabled_at: Date | null
}

interface SecretRow {
  readonly secret_id: string | null
  readonly secret_hash: Buffer
  readonly secret_expires_at: Date | null
}

interface RegisteredRow {
  readonly client: Client
  readonly secrets: readonly ClientSecret[]
}

const FIELD_COLUMNS = CLIENT_FIELD_LIST.map(({ name, column }) => `clients.${column} as "${name}"`)
const KEPT_COLUMNS = ['status_list_id', 'status_index', 'version', 'disabled_at'].map(column => `clients.${column}`)
const SELECTED = [...FIELD_COLUMNS, ...KEPT_COLUMNS].join(', ')

const WITH_SECRETS = `select ${SELECTED}, client_secrets.id as secret_id, client_secrets.hash as secret_hash,
  client_secrets.expires_at as secret_expires_at
  from clients left join client_secrets on client_secrets.client_id = clients.id where clients.id = any(?) order by client_secrets.created_at desc`

/** Clients and their secrets on PostgreSQL. */
export function clientStore(db: Knex): ClientStore {
  const findWithSecrets = groupReads(db, async (ids: readonly string[]) => {
    const { rows } = await db
      .raw<{ rows: Array<ClientRow & SecretRow> }>(WITH_SECRETS, [[...new Set(ids)]])
      .options({ name: 'sallyport-clients-with-secrets' })
    const found = new Map([...Map.groupBy(rows, ({ id }) => id)].map(([id, own]) => [id, registeredOf(own)]))
    return (id: string) => found.get(id) ?? null
  })
  return {
    find: async id => (await findWithSecrets(id))?.client ?? null,
    lockForUse: async id => clientOrNull(await rows(db).where({ id }).forShare().first()),
    lockForChange: async id => clientOrNull(await rows(db).where({ id }).forNoKeyUpdate().first()),
    findWithSecrets,
    create: async (client, nowMs) => {
      const inserted = await db('clients')
        .insert({ ...clientRow(client), created_at: timeOf(nowMs) })
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
    change: async (id, changes) => {
      await db('clients')
        .where({ id })
        .update({ ...columnsOf(changes), version: db.raw('version + 1') })
    },
    setDisabled: async (id, disabledAtMs) => {
      await db('clients')
        .where({ id })
        .update({ disabled_at: timeOrNull(disabledAtMs), version: db.raw('version + 1') })
    },
    remove: async id => {
      await db('clients').where({ id }).delete()
    },
    list: async () => (await rows(db).orderBy('id')).map(clientFromRow)
  }
}

const rows = (db: Knex): Knex.QueryBuilder<ClientRow, ClientRow[]> =>
  db<ClientRow>('clients').select<ClientRow[]>(db.raw(SELECTED))

function registeredOf(rows: ReadonlyArray<ClientRow & SecretRow>): RegisteredRow | null {
  const [first] = rows.map(({ secret_id: _id, secret_hash: _hash, secret_expires_at: _end, ...client }) => client)
  return first === undefined ? null : { client: clientFromRow(first), secrets: rows.flatMap(secretFromRow) }
}

const clientOrNull = (row: ClientRow | undefined): Client | null => (row === undefined ? null : clientFromRow(row))

function clientFromRow({
  status_list_id: listId,
  status_index: index,
  disabled_at: disabledAt,
  ...registration
}: ClientRow): Client {
  return { ...registration, status: { listId, index }, disabledAtMs: millisecondsOrNull(disabledAt) }
}

/** The columns of these fields; JSON as text, since the driver takes an array for one of SQL. */
function columnsOf(fields: Partial<ClientRegistration>): Record<string, unknown> {
  const given = new Map<string, unknown>(Object.entries(fields))
  return Object.fromEntries(
    CLIENT_FIELD_LIST.filter(({ name }) => given.has(name)).map(({ name, column, json }) => {
      const value = given.get(name)
      return [column, json && value !== null ? JSON.stringify(value) : value]
    })
  )
}

function clientRow(client: Client): Record<string, unknown> {
  return {
    ...columnsOf(client),
    status_list_id: client.status.listId,
    status_index: client.status.index,
    version: client.version,
    disabled_at: timeOrNull(client.disabledAtMs)
  }
}

function secretFromRow(row: SecretRow): ClientSecret[] {
  if (row.secret_id === null) return []
  return [{ id: row.secret_id, hash: row.secret_hash, expiresAtMs: millisecondsOrNull(row.secret_expires_at) }]
}
