import { randomUUID } from 'node:crypto'
import { errorCode, type Change, type ReloadSubscriber } from '@sallyport/security-context/mechanics'
import { ClientSecretError } from './errors.ts'
import type { TokenClientOptions } from './options.ts'
import { createTokenClient } from './token-client.ts'

/** Settings with the secret of a client. */
export interface ClientSecretSettings {
  readonly clientSecret?: string | undefined
}

/** What is asked, and what is in use. */
export interface ClientSecretCheck extends Omit<TokenClientOptions, 'clientSecret'> {
  /** The secret of the moment. */
  readonly current: () => string | undefined
}

/**
 * Refuses new settings with a client secret that the authorization server does not take, before anybody uses it. It
 * asks for the revocation of a token that nobody has, which changes nothing.
 * @see RFC 7009 §2.2
 */
export function clientSecretSubscriber({
  current,
  ...client
}: ClientSecretCheck): ReloadSubscriber<ClientSecretSettings> {
  return {
    name: 'clientSecret',
    validate: async ({ clientSecret }): Promise<Change> => {
      if (clientSecret !== current()) await requireTaken(client, clientSecret)
      return { apply: () => {}, undo: () => {} }
    }
  }
}

const TAKEN: readonly string[] = ['SALLYPORT_TOKEN_NOT_GRANTED', 'SALLYPORT_TOKEN_REJECTED']

async function requireTaken(client: Omit<TokenClientOptions, 'clientSecret'>, clientSecret?: string): Promise<void> {
  if (clientSecret === undefined) throw new ClientSecretError('cannot be left out while the process runs')
  try {
    await createTokenClient({ ...client, clientSecret }).revoke({ token: randomUUID() })
  } catch (cause) {
    // A server without revocation, or with another opinion of the token: no objection to the secret.
    if (TAKEN.includes(errorCode(cause) ?? '')) return
    throw Object.assign(new ClientSecretError('is not taken by the authorization server, or that does not answer'), {
      cause
    })
  }
}
