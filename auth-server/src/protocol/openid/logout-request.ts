import { invalidRequest } from '../../oauth-error.ts'
import type { Form } from '../../parse-form.ts'
import type { Client, Session } from '../../store/records.ts'
import { isUuid } from '../../uuid.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { readIdTokenHint } from './id-tokens.ts'

/** The parameters that count; the others change nothing. @see OpenID Connect RP-Initiated Logout 1.0 §2 */
export const LOGOUT_PARAMETERS = [
  'id_token_hint',
  'logout_hint',
  'client_id',
  'post_logout_redirect_uri',
  'state',
  'ui_locales'
] as const

/** What a client asks when it sends a browser here to log out. */
export interface LogoutRequest {
  /** `null`: it did not say, or it is not known. */
  readonly client: Client | null
  /** Whether an id_token, or the name of a session of the client, shows that a client asks and not somebody's link. */
  readonly isProven: boolean
  /** The session that the id_token was issued in, ended or not; `null` when there is none. */
  readonly hinted: Session | null
  /** Whom `logout_hint` means, by session; `null`: it does not say, or names no session of the client. */
  readonly meantUserId: string | null
  /** Where the browser goes in the end, with the `state`; `null` unless it is registered. */
  readonly redirectTo: string | null
}

/**
 * Reads a logout request. What does not hold is not used: a hint that this server did not issue is none, and an address
 * that is not registered, character by character, leads nowhere.
 * @throws {OAuthError} `invalid_request` when hint and `client_id` name two clients
 * @see OpenID Connect RP-Initiated Logout 1.0 §2, §3, §4
 */
export async function readLogoutRequest(
  server: Pick<AuthorizationServer, 'store' | 'issuer' | 'keys'>,
  parameters: Form
): Promise<LogoutRequest> {
  const hintText = parameters.get('id_token_hint')
  const hint = hintText === undefined ? null : await readIdTokenHint(server, hintText)
  const clientId = parameters.get('client_id') ?? hint?.clientId
  if (hint !== null && hint.clientId !== clientId) {
    throw invalidRequest('hint-foreign', 'The request names two applications')
  }
  const [client, hinted, meant] = await Promise.all([
    clientId === undefined ? null : server.store.clients.find(clientId),
    hint === null ? null : server.store.sessions.find(hint.sessionId),
    meantSession(server, parameters.get('logout_hint'), clientId)
  ])
  const isHinted =
    hint !== null &&
    hinted !== null &&
    hinted.session.clientId === hint.clientId &&
    hinted.session.userId === hint.userId
  return {
    client,
    isProven: hint !== null || meant !== null,
    meantUserId: meant?.userId ?? null,
    hinted: isHinted ? hinted.session : null,
    redirectTo: redirectOf(client, parameters)
  }
}

/** A session identifier is known to the client and to the user, and can be guessed by nobody. */
async function meantSession(
  { store }: Pick<AuthorizationServer, 'store'>,
  hint: string | undefined,
  clientId: string | undefined
): Promise<Session | null> {
  const found = hint !== undefined && isUuid(hint) ? await store.sessions.find(hint) : null
  return found !== null && found.session.clientId === clientId ? found.session : null
}

/** @see OpenID Connect RP-Initiated Logout 1.0 §3 */
function redirectOf(client: Client | null, parameters: Form): string | null {
  const uri = parameters.get('post_logout_redirect_uri')
  if (
    uri === undefined ||
    client === null ||
    client.disabledAtMs !== null ||
    !client.postLogoutRedirectUris.includes(uri)
  ) {
    return null
  }
  const state = parameters.get('state')
  if (state === undefined) return uri
  return `${uri}${uri.includes('?') ? '&' : '?'}${new URLSearchParams({ state }).toString()}`
}
