import { randomUUID } from 'node:crypto'
import { endSessions } from '../accounts/sessions/end-sessions.ts'
import { revokeAccessTokensOfClient } from '../accounts/sessions/revoke-access-tokens.ts'
import { InvalidValueError, NameTakenError, UnknownSubjectError } from '../errors.ts'
import { isRedirectUri } from '../protocol/authorize/redirect-uris.ts'
import { GRANTS } from '../protocol/token-endpoint/grants/index.ts'
import { GRANT_TYPES, isGrantType } from '../store/grant-types.ts'
import type { AuthenticationMethod, Client } from '../store/records.ts'
import { hashOfSecret, newSecret } from '../tokens/secret-token.ts'
import { isUuid } from '../uuid.ts'
import type { Administration } from './administration.ts'
import { clientLogoutMistakes, clientLogoutOf, type NewClientLogout } from './client-logout.ts'
import { clientProofMistakes, clientProofOf, type NewClientProof } from './client-proof.ts'

/** A client to create; what is left out is empty, and a client is confidential with both secret methods. */
export interface NewClient extends NewClientProof, NewClientLogout {
  readonly id: string
  readonly name?: string
  readonly confidential?: boolean
  readonly authenticationMethods?: readonly AuthenticationMethod[]
  readonly grantTypes: readonly string[]
  readonly scopes?: readonly string[]
  readonly ownAudience?: string | null
  readonly defaultAudience?: string | null
  readonly audiences?: readonly string[]
  readonly accessTokenFormat?: 'jwt' | 'opaque'
  readonly redirectUris?: readonly string[]
  /** The deployment's own application, for which nobody is asked. */
  readonly firstParty?: boolean
  /** Only pushed authorization requests are taken from it. */
  readonly pushedRequestsRequired?: boolean
  /** For demo data; a random one by default. At least 32 characters. */
  readonly secret?: string
}

/** A client's id may hold nothing that needs encoding anywhere. */
const CLIENT_ID = /^[A-Za-z0-9][\w.-]{0,63}$/
const SHORTEST_SECRET = 32

/**
 * @returns the client, and its secret, which is shown this once; `null` for one that has another method or none
 * @throws {NameTakenError} `SALLYPORT_AUTH_SERVER_NAME_TAKEN`
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export async function createClient(
  administration: Administration,
  wanted: NewClient
): Promise<{ readonly client: Client; readonly secret: string | null }> {
  refuseClient(wanted)
  const { store, clock } = administration
  const nowMs = clock()
  const secret = methodsOf(wanted).some(method => SECRET_METHODS.includes(method))
    ? (wanted.secret ?? newSecret())
    : null
  const client = await store.transaction(async trx => {
    const created: Client = {
      ...clientOf(wanted),
      status: await trx.statusLists.allocate(administration.statusListSize, nowMs)
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
    if (client === null || !client.authenticationMethods.some(method => SECRET_METHODS.includes(method))) {
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

const SECRET_METHODS: readonly AuthenticationMethod[] = ['client_secret_basic', 'client_secret_post']

function methodsOf({ authenticationMethods, confidential }: NewClient): readonly AuthenticationMethod[] {
  return authenticationMethods ?? (confidential === false ? ['none'] : SECRET_METHODS)
}

function clientOf(wanted: NewClient): Omit<Client, 'status'> {
  const { confidential = true } = wanted
  return {
    id: wanted.id,
    name: wanted.name ?? wanted.id,
    confidential,
    authenticationMethods: methodsOf(wanted),
    grantTypes: wanted.grantTypes.filter(isGrantType),
    scopes: wanted.scopes ?? [],
    ownAudience: wanted.ownAudience ?? null,
    defaultAudience: wanted.defaultAudience ?? null,
    audiences: wanted.audiences ?? [],
    accessTokenFormat: wanted.accessTokenFormat ?? 'jwt',
    redirectUris: wanted.redirectUris ?? [],
    firstParty: wanted.firstParty ?? false,
    pushedRequestsRequired: wanted.pushedRequestsRequired ?? false,
    ...clientLogoutOf(wanted),
    proof: clientProofOf(wanted),
    disabledAtMs: null
  }
}

function refuseClient(wanted: NewClient): void {
  const mistakes: string[] = []
  if (!CLIENT_ID.test(wanted.id) || isUuid(wanted.id)) {
    mistakes.push('a client id is up to 64 letters, digits, `.`, `_` or `-`, and no UUID, which are user ids')
  }
  if (wanted.secret !== undefined && wanted.secret.length < SHORTEST_SECRET) {
    mistakes.push(`a client secret has at least ${SHORTEST_SECRET} characters`)
  }
  for (const uri of wanted.redirectUris ?? []) {
    if (!isRedirectUri(uri)) {
      mistakes.push(
        `${uri} is no redirect URI: https, http on a loopback address, or a scheme with a dot, without a fragment`
      )
    }
  }
  for (const grant of wanted.grantTypes.filter(grant => !isGrantType(grant))) {
    mistakes.push(`${JSON.stringify(grant)} is no grant: ${GRANT_TYPES.join(', ')}`)
  }
  if (JSON.stringify(wanted).includes('\\u0000')) mistakes.push('a NUL cannot be stored')
  mistakes.push(...clientLogoutMistakes(wanted))
  mistakes.push(...clientProofMistakes(wanted, methodsOf(wanted)))
  if ((wanted.confidential === false) !== methodsOf(wanted).includes('none')) {
    mistakes.push('the method none is for public clients, and for them only')
  }
  if (wanted.confidential === false) {
    for (const grant of wanted.grantTypes.filter(isGrantType).filter(grant => GRANTS[grant].confidentialOnly)) {
      mistakes.push(`a public client cannot use ${grant}`)
    }
  }
  if (mistakes.length > 0) throw new InvalidValueError(mistakes.join('; '))
}
