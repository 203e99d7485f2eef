import { randomUUID } from 'node:crypto'
import { revokeAccessTokensUsing } from '../accounts/sessions/revoke-access-tokens.ts'
import { InvalidValueError, NameTakenError, UnknownSubjectError } from '../errors.ts'
import type { ClientFieldName } from '../store/client-fields.ts'
import type { Client, ClientRegistration } from '../store/records.ts'
import { hashOfSecret, newSecret } from '../tokens/secret-token.ts'
import type { Administration } from './administration.ts'
import { beforeAndAfter } from './audit-change.ts'
import { AUDITED_CLIENT_FIELDS, auditClient, auditedClient, lockedClient } from './locked-client.ts'
import {
  changedRegistration,
  newRegistration,
  refuseRegistration,
  usesSecrets,
  type ClientChanges,
  type NewClient
} from './new-client.ts'
import { refuseOtherVersion, type ExpectedVersion } from './versions.ts'

const SHORTEST_SECRET = 32

/** Fields of a client's keys and certificates, and of what its tokens are bound to. */
export const KEY_FIELDS = [
  'jwks',
  'certificateSubject',
  'certificateThumbprints',
  'certificateBoundTokens',
  'dpopBoundTokens'
] as const satisfies readonly ClientFieldName[]

/** Fields that say where a client and its browsers hear of a logout. */
export const LOGOUT_FIELDS = [
  'backchannelLogoutUri',
  'postLogoutRedirectUris'
] as const satisfies readonly ClientFieldName[]

/** Keys and certificates to register. */
export type NewClientProof = Partial<Pick<ClientRegistration, (typeof KEY_FIELDS)[number]>>

/** Where logout is told, to register. */
export type NewClientLogout = Partial<Pick<ClientRegistration, (typeof LOGOUT_FIELDS)[number]>>

/**
 * Creates a client.
 * @returns the client, and its secret, which is shown this once; `null` for one that has another method or none
 * @throws {NameTakenError} `SALLYPORT_AUTH_SERVER_NAME_TAKEN`
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export async function createClient(
  administration: Administration,
  { secret: wantedSecret, ...fields }: NewClient
): Promise<{ readonly client: Client; readonly secret: string | null }> {
  const registration = newRegistration(fields)
  if (wantedSecret !== undefined && wantedSecret.length < SHORTEST_SECRET) {
    throw new InvalidValueError(`a client secret has at least ${SHORTEST_SECRET} characters`)
  }
  const { store, clock } = administration
  const nowMs = clock()
  const secret = usesSecrets(registration) ? (wantedSecret ?? newSecret()) : null
  const client = await store.transaction(async trx => {
    await trx.audiences.lockRegistry()
    await refuseRegistration(trx, registration)
    const created: Client = {
      ...registration,
      status: await trx.statusLists.allocate(administration.statusListSize, nowMs),
      version: 1,
      disabledAtMs: null
    }
    if (!(await trx.clients.create(created, nowMs))) throw new NameTakenError('client', created.id)
    if (secret !== null) {
      await trx.clients.addSecret(
        created.id,
        { id: randomUUID(), hash: hashOfSecret(secret), expiresAtMs: null },
        nowMs
      )
    }
    await administration.audit(trx, {
      action: 'client.create',
      outcome: 'success',
      resource: { type: 'client', id: created.id },
      detail: beforeAndAfter(AUDITED_CLIENT_FIELDS, null, auditedClient(created))
    })
    return created
  })
  return { client, secret }
}

/**
 * Replaces a client's keys and certificates; what is left out stays. For a change with no failed request, register the
 * new key beside the old one first.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export async function setClientProof(
  administration: Administration,
  clientId: string,
  wanted: NewClientProof,
  expected: ExpectedVersion = null
): Promise<Client> {
  return await changeClient(administration, clientId, wanted, { expected, action: 'client.set-keys' })
}

/**
 * Changes where a client and its browsers hear of a logout; what is left out stays.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export async function setClientLogout(
  administration: Administration,
  clientId: string,
  wanted: NewClientLogout,
  expected: ExpectedVersion = null
): Promise<Client> {
  return await changeClient(administration, clientId, wanted, { expected, action: 'client.set-logout' })
}

/**
 * Edits a client; what is left out stays. What it loses of scopes and audiences is revoked in its access tokens and
 * those of its sessions; the sessions go on without.
 * @param action of the audit row
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`, with everything that is wrong
 * @throws {VersionMismatchError} `SALLYPORT_AUTH_SERVER_VERSION_MISMATCH`
 */
export async function changeClient(
  administration: Administration,
  clientId: string,
  changes: Omit<ClientChanges, 'id'>,
  { expected = null, action = 'client.change' }: { readonly expected?: ExpectedVersion; readonly action?: string } = {}
): Promise<Client> {
  return await administration.store.transaction(async trx => {
    const before = await lockedClient(trx, clientId, expected)
    const { status: _status, version: _version, disabledAtMs: _disabled, ...registration } = before
    const after = changedRegistration(registration, changes)
    await refuseRegistration(trx, after, Object.keys(changes))
    await trx.clients.change(clientId, changes)
    if (losesRights(before, after)) {
      const use = { kind: 'client', clientId } as const
      await revokeAccessTokensUsing(trx, use, administration.statusListSize, administration.clock())
    }
    const client = (await trx.clients.find(clientId)) ?? before
    await auditClient(administration, trx, action, before, client)
    return client
  })
}

function losesRights(before: ClientRegistration, after: ClientRegistration): boolean {
  const rights = ({ scopes, audiences, defaultAudience }: ClientRegistration): readonly string[] => [
    ...scopes.map(scope => `scope ${scope}`),
    ...[...audiences, ...(defaultAudience === null ? [] : [defaultAudience])].map(audience => `audience ${audience}`)
  ]
  const kept = new Set(rights(after))
  return rights(before).some(right => !kept.has(right))
}

/**
 * Gives a client a new secret; the old ones stay good for a while, so that no request fails during the change.
 * @param overlapSeconds how long the old secrets are still good
 * @returns the secret, which is shown this once, and the version that the client has now
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {VersionMismatchError} `SALLYPORT_AUTH_SERVER_VERSION_MISMATCH`
 */
export async function rotateSecret(
  administration: Administration,
  clientId: string,
  overlapSeconds: number,
  expected: ExpectedVersion = null
): Promise<{ readonly secret: string; readonly version: number }> {
  const secret = newSecret()
  return await administration.store.transaction(async trx => {
    const client = await trx.clients.lockForChange(clientId)
    if (client === null || !usesSecrets(client)) {
      throw new UnknownSubjectError('client with secrets', clientId)
    }
    refuseOtherVersion(expected, 'client', clientId, client)
    // Another version: of two administrators who rotate at once with `If-Match`, the second is refused.
    await trx.clients.change(clientId, {})
    const id = randomUUID()
    const nowMs = administration.clock()
    // Two are live at most: of the older ones, the newest.
    const [newest] = (await trx.clients.findWithSecrets(clientId))?.secrets ?? []
    if (newest !== undefined) await trx.clients.expireOtherSecrets(clientId, newest.id, nowMs)
    await trx.clients.addSecret(clientId, { id, hash: hashOfSecret(secret), expiresAtMs: null }, nowMs)
    await trx.clients.expireOtherSecrets(clientId, id, nowMs + overlapSeconds * 1000)
    await administration.audit(trx, {
      action: 'client.rotate-secret',
      outcome: 'success',
      resource: { type: 'client', id: clientId },
      detail: { overlapSeconds }
    })
    return { secret, version: client.version + 1 }
  })
}
