import { timingSafeEqual } from 'node:crypto'
import { invalidClient, type OAuthError } from '../../oauth-error.ts'
import type { Store } from '../../store/contract.ts'
import type { Client, ClientSecret } from '../../store/records.ts'
import { hashOfSecret } from '../../tokens/secret-token.ts'
import type { PresentedCredentials } from './presented-credentials.ts'

/** Compared with when a client has fewer secrets than this, or does not exist: the work is the same for all. */
const COMPARED_SECRETS = 2
const NO_SECRET = Buffer.alloc(32)

/**
 * The client that the credentials prove. An unknown client, a wrong or expired secret, a disabled client and a method
 * that the client does not use are one refusal, reached by the same query and the same comparisons.
 * @throws {OAuthError} `invalid_client`
 * @see RFC 6749 §5.2
 */
export async function authenticateClient(
  store: Store,
  credentials: PresentedCredentials,
  nowMs: number
): Promise<Client> {
  const found = await store.clients.findWithSecrets(credentials.clientId)
  const secretIsRight = matchesOne(credentials.secret ?? '', found?.secrets ?? [], nowMs)
  if (found === null) throw invalidClient('client-unknown')
  const { client } = found
  if (client.disabledAtMs !== null) throw refusalOf(client, 'client-disabled')
  if (!client.authenticationMethods.includes(credentials.method)) {
    throw refusalOf(client, 'client-authentication-method')
  }
  if (credentials.method !== 'none' && !secretIsRight) throw refusalOf(client, 'client-secret-wrong')
  return client
}

/** The client that somebody tried to be: what the attempt was aimed at, not who made it. */
export function refusalOf(client: Client, reason: string): OAuthError {
  return invalidClient(reason).about({ resource: { type: 'client', id: client.id } })
}

function matchesOne(secret: string, secrets: readonly ClientSecret[], nowMs: number): boolean {
  const presented = hashOfSecret(secret)
  let matches = 0
  for (let position = 0; position < Math.max(COMPARED_SECRETS, secrets.length); position++) {
    const candidate = secrets[position]
    const equal = timingSafeEqual(presented, candidate?.hash ?? NO_SECRET)
    const live = candidate !== undefined && (candidate.expiresAtMs === null || candidate.expiresAtMs > nowMs)
    matches += Number(equal && live)
  }
  return matches > 0
}
