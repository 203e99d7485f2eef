import { invalidClient, invalidRequest } from '../../oauth-error.ts'
import type { Store } from '../../store/contract.ts'
import type { Client } from '../../store/records.ts'
import type { ClientRequest, OneTimeId, PresentedProof, RegisteredClient, Verdict } from './method.ts'
import { CLIENT_METHODS, CLIENT_METHOD_NAMES, methodsWith, type AuthenticationMethod } from './methods.ts'

/** A client and how it proved to be that one. */
export interface AuthenticatedClient {
  readonly client: Client
  readonly method: AuthenticationMethod
}

/** What authentication takes of the server. */
export interface AuthenticatingServer {
  readonly store: Store
  readonly clock: () => number
  readonly issuer: string
  readonly clockToleranceSeconds: number
}

/** Methods that say nothing in the request but who the client is: any other that is presented comes before them. */
const BY_NAME_ALONE = new Set(methodsWith(({ byCertificate, needs }) => byCertificate || needs === null))

/**
 * The client that a request proves, by whatever method it presents. All failures are one answer; which it was is in the
 * security event. A certificate beside another method does not count as a second one: tokens are bound to it.
 * @throws {OAuthError} `invalid_client`; `invalid_request` for more than one method
 * @see RFC 6749 §2.3, §5.2
 */
export async function authenticateClient(
  { store, clock, issuer, clockToleranceSeconds }: AuthenticatingServer,
  request: ClientRequest
): Promise<AuthenticatedClient> {
  const presented = presentedProofs(request)
  const [{ proof }] = presented
  const nowMs = clock()
  const registered = await store.clients.findWithSecrets(proof.clientId)
  const judged = presented.map(({ method, proof }) => ({
    method,
    ...proof.verify(registered, { issuer, nowMs, clockToleranceSeconds })
  }))
  const { client, method, once } = usableProof(registered, judged)
  if (once !== null && !(await store.replays.record(once, nowMs))) {
    throw refusalAbout(client, 'client-assertion-replayed')
  }
  return { client, method }
}

interface Presented {
  readonly method: AuthenticationMethod
  readonly proof: PresentedProof
}

/**
 * What a request presents: by one method, or by those for which it only names the client; what that client is
 * registered for decides between them.
 * @throws {OAuthError} `invalid_client` for nothing, or nothing that can be read; `invalid_request` for more than one
 */
export function presentedProofs(request: ClientRequest): readonly [Presented, ...Presented[]] {
  const found = CLIENT_METHOD_NAMES.filter(name => CLIENT_METHODS[name].isPresented(request))
  const explicit = found.filter(name => !BY_NAME_ALONE.has(name))
  if (explicit.length > 1) {
    throw invalidRequest('client-authentication-repeated', 'More than one client authentication method')
  }
  const [first, ...others] = (explicit.length === 1 ? explicit : found).map(method => ({
    method,
    proof: CLIENT_METHODS[method].read(request)
  }))
  if (first === undefined) throw invalidClient('client-authentication-missing')
  return [first, ...others]
}

/** The one place that decides whether a client that is proven may come in, and by this method. */
function usableProof(
  registered: RegisteredClient | null,
  judged: ReadonlyArray<Verdict & { readonly method: AuthenticationMethod }>
): AuthenticatedClient & { readonly once: OneTimeId | null } {
  if (registered === null) throw invalidClient(judged[0]?.refusal ?? 'client-unknown')
  const { client } = registered
  if (client.disabledAtMs !== null) throw refusalAbout(client, 'client-disabled')
  const allowed = judged.filter(({ method }) => client.authenticationMethods.includes(method))
  for (const proof of allowed) if (proof.refusal === null) return { client, method: proof.method, once: proof.once }
  const isProvenOtherwise = judged.some(({ refusal }) => refusal === null)
  const wrong = isProvenOtherwise ? undefined : [...allowed, ...judged][0]?.refusal
  throw refusalAbout(client, wrong ?? 'client-authentication-method')
}

/** The client that somebody tried to be: what the attempt was aimed at, not who made it. */
const refusalAbout = (client: Client, reason: string): ReturnType<typeof invalidClient> =>
  invalidClient(reason).about({ resource: { type: 'client', id: client.id } })
