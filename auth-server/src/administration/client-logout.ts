import { InvalidValueError, UnknownSubjectError } from '../errors.ts'
import { isBackchannelLogoutUri, isPostLogoutRedirectUri } from '../protocol/logout/logout-uris.ts'
import type { Client } from '../store/records.ts'
import type { Administration } from './administration.ts'

/** The part of a new client that registers where logout is told; what is left out is empty. */
export type NewClientLogout = Partial<Pick<Client, 'backchannelLogoutUri' | 'postLogoutRedirectUris'>>

/** The whole of it. */
export function clientLogoutOf(wanted: NewClientLogout): Required<NewClientLogout> {
  return {
    backchannelLogoutUri: wanted.backchannelLogoutUri ?? null,
    postLogoutRedirectUris: wanted.postLogoutRedirectUris ?? []
  }
}

/** Why these addresses cannot be registered, as one phrase each. */
export function clientLogoutMistakes(wanted: NewClientLogout): string[] {
  const { backchannelLogoutUri, postLogoutRedirectUris } = clientLogoutOf(wanted)
  const mistakes: string[] = []
  if (backchannelLogoutUri !== null && !isBackchannelLogoutUri(backchannelLogoutUri)) {
    mistakes.push(
      `${backchannelLogoutUri} is no back-channel logout URI: https, or http on a loopback address, without a fragment`
    )
  }
  for (const uri of postLogoutRedirectUris) {
    if (!isPostLogoutRedirectUri(uri)) {
      mistakes.push(
        `${uri} is no post-logout redirect URI: https, http on a loopback address, or a scheme with a dot, without a fragment`
      )
    }
  }
  return mistakes
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
): Promise<void> {
  const mistakes = clientLogoutMistakes(wanted)
  if (mistakes.length > 0) throw new InvalidValueError(mistakes.join('; '))
  await administration.store.transaction(async trx => {
    const client = await trx.clients.find(clientId)
    if (client === null) throw new UnknownSubjectError('client', clientId)
    const { backchannelLogoutUri, postLogoutRedirectUris } = { ...client, ...wanted }
    await trx.clients.setLogout(clientId, { backchannelLogoutUri, postLogoutRedirectUris })
    await administration.audit(trx, {
      action: 'client.set-logout',
      outcome: 'success',
      resource: { type: 'client', id: clientId },
      detail: { backchannelLogoutUri, postLogoutRedirectUris: [...postLogoutRedirectUris] }
    })
  })
}
