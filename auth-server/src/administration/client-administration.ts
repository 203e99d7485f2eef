import { randomUUID } from 'node:crypto'
import { endSessions } from '../accounts/sessions/end-sessions.ts'
import { revokeAccessTokensOfClient } from '../accounts/sessions/revoke-access-tokens.ts'
import { InvalidValueError, NameTakenError, UnknownSubjectError } from '../errors.ts'
import { CLIENT_FIELD_LIST, type ClientFieldName } from '../store/client-fields.ts'
import type { Client, ClientRegistration } from '../store/records.ts'
import { hashOfSecret, newSecret } from '../tokens/secret-token.ts'
import type { Administration } from './administration.ts'
import { changedRegistration, newRegistration, usesSecrets, type ClientChanges, type NewClient } from './new-client.ts'

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

/** A client as administrators see it; the same over HTTP and on the command line. */
export function clientSummary({ disabledAtMs, status: _status, ...registration }: Client): ClientRegistration & {
  readonly disabled: boolean
} {
  return { ...registration, disabled: disabledAtMs !== null }
}

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
    const created: Client = {
      ...registration,
      status: await trx.statusLists.allocate(administration.statusListSize, nowMs),
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
      detail: { grantTypes: [...created.grantTypes] }
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
  wanted: NewClientProof
): Promise<Client> {
  return await changeClient(administration, clientId, wanted, 'client.set-keys')
}

/**
 * Changes where a client and its browsers hear of a logout; what is left out stays.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export async function setClientLogout(
  administration: Administration,
  clientId: string,
  wanted: NewClientLogout
): Promise<Client> {
  return await changeClient(administration, clientId, wanted, 'client.set-logout')
}

async function changeClient(
  administration: Administration,
  clientId: string,
  changes: ClientChanges,
  action: string
): Promise<Client> {
  return await administration.store.transaction(async trx => {
    const before = await trx.clients.lockForChange(clientId)
    if (before === null) throw new UnknownSubjectError('client', clientId)
    const { status, disabledAtMs, ...registration } = before
    const after = { ...changedRegistration(registration, changes), status, disabledAtMs }
    const changed = CLIENT_FIELD_LIST.filter(({ name }) => Object.hasOwn(changes, name))
    await trx.clients.change(clientId, changes)
    await administration.audit(trx, {
      action,
      outcome: 'success',
      resource: { type: 'client', id: clientId },
      detail: {
        changed: changed.map(({ name }) => name).join(' '),
        ...Object.fromEntries(changed.filter(({ json }) => !json).map(({ name }) => [name, Reflect.get(after, name)]))
      }
    })
    return after
  })
}

/**
 * Gives a client a new secret; the old ones stay good for a while, so that no request fails during the change.
 * @param overlapSeconds how long the old secrets are still good
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 */
export async function rotateSecret(
  administration: Administration,
  clientId: string,
  overlapSeconds: number
): Promise<string> {
  const secret = newSecret()
  await administration.store.transaction(async trx => {
    const client = await trx.clients.lockForChange(clientId)
    if (client === null || !usesSecrets(client)) {
      throw new UnknownSubjectError('client with secrets', clientId)
    }
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
  })
  return secret
}

/**
 * Disables a client: its sessions end and its tokens are revoked.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 */
export async function disableClient(administration: Administration, clientId: string): Promise<void> {
  await administration.store.transaction(async trx => {
    const client = await trx.clients.lockForChange(clientId)
    if (client === null) throw new UnknownSubjectError('client', clientId)
    const nowMs = administration.clock()
    await trx.clients.setDisabled(clientId, nowMs)
    await endSessions(trx, { kind: 'client', clientId }, 'client-disabled', nowMs)
    await revokeAccessTokensOfClient(trx, client, administration.statusListSize, nowMs)
    await administration.audit(trx, {
      action: 'client.disable',
      outcome: 'success',
      resource: { type: 'client', id: clientId }
    })
  })
}
