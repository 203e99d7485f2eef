import { endSessions } from '../accounts/sessions/end-sessions.ts'
import { revokeAccessTokensOfClient } from '../accounts/sessions/revoke-access-tokens.ts'
import type { Store } from '../store/contract.ts'
import type { Client } from '../store/records.ts'
import type { Administration } from './administration.ts'
import { auditClient, lockedClient } from './locked-client.ts'
import type { ExpectedVersion } from './versions.ts'

/**
 * Disables a client: its sessions end and its tokens are revoked.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {VersionMismatchError} `SALLYPORT_AUTH_SERVER_VERSION_MISMATCH`
 */
export async function disableClient(
  administration: Administration,
  clientId: string,
  expected: ExpectedVersion = null
): Promise<void> {
  await administration.store.transaction(async trx => {
    const client = await lockedClient(trx, clientId, expected)
    const nowMs = administration.clock()
    await trx.clients.setDisabled(clientId, nowMs)
    await endEverythingOf(administration, trx, client, nowMs)
    await auditClient(administration, trx, 'client.disable', client, { ...client, disabledAtMs: nowMs })
  })
}

/**
 * Lets a disabled client ask for tokens again. Sessions that ended stay ended.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {VersionMismatchError} `SALLYPORT_AUTH_SERVER_VERSION_MISMATCH`
 */
export async function enableClient(
  administration: Administration,
  clientId: string,
  expected: ExpectedVersion = null
): Promise<void> {
  await administration.store.transaction(async trx => {
    const client = await lockedClient(trx, clientId, expected)
    await trx.clients.setDisabled(clientId, null)
    await auditClient(administration, trx, 'client.enable', client, { ...client, disabledAtMs: null })
  })
}

/**
 * Deletes a client with its secrets, sessions, codes and consents; its tokens are revoked. It hears of no logout: there
 * is nobody left to tell.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {VersionMismatchError} `SALLYPORT_AUTH_SERVER_VERSION_MISMATCH`
 */
export async function deleteClient(
  administration: Administration,
  clientId: string,
  expected: ExpectedVersion = null
): Promise<void> {
  await administration.store.transaction(async trx => {
    const client = await lockedClient(trx, clientId, expected)
    await endEverythingOf(administration, trx, client, administration.clock())
    await trx.clients.remove(clientId)
    await auditClient(administration, trx, 'client.delete', client, null)
  })
}

async function endEverythingOf(
  { statusListSize }: Administration,
  trx: Store,
  client: Client,
  nowMs: number
): Promise<void> {
  await endSessions(trx, { kind: 'client', clientId: client.id }, 'client-disabled', nowMs)
  await revokeAccessTokensOfClient(trx, client, statusListSize, nowMs)
}
