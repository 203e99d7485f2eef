import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import {
  createPasswordHasher,
  DEFAULT_PASSWORD_PARAMETERS,
  type PasswordParameters
} from '../../accounts/passwords/password-hasher.ts'
import type { Store } from '../../store/contract.ts'
import type { Client } from '../../store/records.ts'
import { postgresStore } from '../../store/postgres/index.ts'
import { hashOfSecret } from '../../tokens/secret-token.ts'
import type { Administration } from '../administration.ts'
import { changeClient, createClient, setClientProof, type NewClientProof } from '../client-administration.ts'
import type { NewClient } from '../new-client.ts'
import { createUser, setPassword } from '../user-administration.ts'
import { DEFAULT_PASSWORD_POLICY } from '../../accounts/passwords/password-policy.ts'
import { createAudience } from '../audiences.ts'
import { createOwnRows } from '../own-rows.ts'
import { createRole } from '../roles.ts'
import { changeScope, createScope } from '../scopes.ts'
import { demoRegistry, type DemoRegistry, type DemoService } from './demo-registry.ts'

/** What the deployment chose for its demo data. */
export interface DemoFacts {
  readonly issuer?: string
  /** The services behind the edge. */
  readonly services: readonly DemoService[]
  /** By user name; `subject` is a UUID. */
  readonly users: Readonly<
    Record<string, { readonly subject: string; readonly password: string; readonly roles: readonly string[] }>
  >
  /** By id of the key clients of {@link demoRegistry}; a client without its keys is not made. */
  readonly clientKeys?: Readonly<Record<string, NewClientProof>>
  /** By client id; every confidential client of {@link demoRegistry} needs a secret. */
  readonly clients: Readonly<
    Record<
      string,
      {
        readonly secret?: string | null | undefined
        readonly redirectUris?: readonly string[]
        readonly postLogoutRedirectUris?: readonly string[]
      }
    >
  >
}

const STATUS_LIST_SIZE = 65_536
/** Lists of a client that a later version of the demo may have more in. */
const GROWING = ['scopes', 'redirectUris', 'postLogoutRedirectUris'] as const

/**
 * Puts the demo's users, roles, clients and scopes there; run again, it changes only what differs.
 * @param db a pool with the rights of the app role or more
 */
export async function seedDemo(
  db: Knex,
  facts: DemoFacts,
  passwordParameters: PasswordParameters = DEFAULT_PASSWORD_PARAMETERS
): Promise<void> {
  await seedStore(postgresStore(db), facts, passwordParameters)
}

/** The same for any store. */
export async function seedStore(
  store: Store,
  facts: DemoFacts,
  passwordParameters: PasswordParameters = DEFAULT_PASSWORD_PARAMETERS
): Promise<void> {
  const administration: Administration = {
    store,
    clock: Date.now,
    passwords: createPasswordHasher({ parameters: passwordParameters, concurrency: 2, queueLength: 100 }),
    passwordPolicy: DEFAULT_PASSWORD_POLICY,
    statusListSize: STATUS_LIST_SIZE,
    audit: async () => {}
  }
  await createOwnRows(administration)
  const { audiences, roles, scopes, clients, keyClients } = demoRegistry(facts.services)
  for (const name of audiences) {
    if ((await store.audiences.find(name)) === null) await createAudience(administration, { name })
  }
  for (const role of roles) {
    if ((await store.roles.find(role.name)) === null) await createRole(administration, role)
  }
  for (const scope of scopes) await seedScope(administration, scope)
  for (const [username, { subject, password, roles }] of Object.entries(facts.users)) {
    await seedUser(administration, { id: subject, username, password, roles })
  }
  for (const client of clients) {
    const { secret, ...uris } = facts.clients[client.id] ?? {}
    await seedClient(administration, {
      ...client,
      ...(secret === undefined || secret === null ? {} : { secret }),
      ...uris
    })
  }
  for (const client of keyClients) {
    const keys = facts.clientKeys?.[client.id]
    if (keys !== undefined) await seedKeyClient(administration, client, keys)
  }
}

/** A scope from before it was described gets its description; what administrators have made of it stays. */
async function seedScope(administration: Administration, scope: DemoRegistry['scopes'][number]): Promise<void> {
  const existing = await administration.store.scopes.find(scope)
  if (existing === null) await createScope(administration, scope)
  else if (Object.keys(existing.descriptions).length === 0 && scope.descriptions !== undefined) {
    await changeScope(administration, scope, { descriptions: scope.descriptions })
  }
}

/** A client's keys are the deployment's: made anew, they replace those of the last run. */
async function seedKeyClient(administration: Administration, client: NewClient, keys: NewClientProof): Promise<void> {
  const existing = await administration.store.clients.find(client.id)
  if (existing === null) await createClient(administration, { ...client, ...keys })
  else await setClientProof(administration, client.id, keys)
}

async function seedUser(administration: Administration, wanted: Parameters<typeof createUser>[1]): Promise<void> {
  const existing = await administration.store.users.findByName(wanted.username)
  if (existing === null) await createUser(administration, wanted)
  else if (!(await administration.passwords.verify(existing.passwordHash, wanted.password))) {
    await setPassword(administration, existing.id, wanted.password)
  }
}

async function seedClient(administration: Administration, wanted: Parameters<typeof createClient>[1]): Promise<void> {
  const existing = await administration.store.clients.findWithSecrets(wanted.id)
  if (existing === null) {
    await createClient(administration, wanted)
    return
  }
  const missing = missingFrom(existing.client, wanted)
  if (Object.keys(missing).length > 0) await changeClient(administration, wanted.id, missing)
  const { secret } = wanted
  if (secret === undefined || !existing.client.confidential) return
  const hash = hashOfSecret(secret)
  if (existing.secrets.some(known => known.expiresAtMs === null && known.hash.equals(hash))) return
  const id = randomUUID()
  await administration.store.clients.addSecret(wanted.id, { id, hash, expiresAtMs: null }, administration.clock())
  await administration.store.clients.expireOtherSecrets(wanted.id, id, administration.clock())
}

/** A client from before a scope or an address was added gets it; what else it has stays. */
function missingFrom(
  existing: Client,
  wanted: NewClient
): Partial<Pick<Client, 'firstParty' | (typeof GROWING)[number]>> {
  const grown = GROWING.flatMap(name => {
    const missing = (wanted[name] ?? []).filter(value => !existing[name].includes(value))
    return missing.length === 0 ? [] : [[name, [...existing[name], ...missing]]]
  })
  const isNewlyTrusted = wanted.firstParty === true && !existing.firstParty
  return { ...Object.fromEntries(grown), ...(isNewlyTrusted && { firstParty: true }) }
}
