import type { Client, User, UserSignIn } from '../../store/records.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { PROTOCOL_SCOPES, scopesAtAudience } from '../narrow-scopes.ts'
import { AuthorizationError } from './authorization-error.ts'
import type { AuthorizationRequest } from './authorization-request.ts'
import type { Interaction } from './interactions.ts'

/** What has to happen before the request can be answered. */
export type NextStep =
  | { readonly kind: 'log-in' }
  /** The user has to allow these scopes. */
  | { readonly kind: 'consent'; readonly signedIn: UserSignIn; readonly scopes: readonly string[] }
  /** Nothing: a code for these scopes can be issued. */
  | { readonly kind: 'issue-code'; readonly signedIn: UserSignIn; readonly scopes: readonly string[] }

/**
 * Finds the next step of a request.
 * @param signedIn who is logged in in this browser
 * @throws {AuthorizationError} `login_required`, `consent_required` when the client wants no page but one is needed
 * @see OpenID Connect Core 1.0 §3.1.2.1–§3.1.2.4
 */
export async function nextStep(
  server: Pick<AuthorizationServer, 'store' | 'clock'>,
  client: Client,
  interaction: Interaction,
  signedIn: UserSignIn | null
): Promise<NextStep> {
  const { request } = interaction
  const quiet = request.prompt.includes('none')
  if (signedIn === null || !suffices(interaction, signedIn, server.clock())) {
    // Whoever has just logged in is not the one that the client means: asking again would only go in circles.
    const isAnother = signedIn !== null && signedIn.signIn.id === interaction.freshSignInId
    if (quiet || isAnother) {
      throw new AuthorizationError('login_required', 'login-required', 'The user has to log in', request)
    }
    return { kind: 'log-in' }
  }
  const { user } = signedIn
  const narrow = await scopesAtAudience(server.store, request.audience, PROTOCOL_SCOPES)
  const scopes = narrow(request.scopes, user.roles)
  if (await needsConsent(server, client, request, user, scopes)) {
    if (quiet) {
      throw new AuthorizationError('consent_required', 'consent-required', 'The user has to allow this', request).about(
        { subject: user.id }
      )
    }
    return { kind: 'consent', signedIn, scopes }
  }
  return { kind: 'issue-code', signedIn, scopes }
}

function suffices({ request, freshSignInId }: Interaction, { signIn, user }: UserSignIn, nowMs: number): boolean {
  if (request.expectedUserId !== null && request.expectedUserId !== user.id) return false
  if (signIn.id === freshSignInId) return true
  if (request.prompt.includes('login')) return false
  const { maxAgeSeconds } = request
  // 0 asks in any case, also within the same millisecond.
  return maxAgeSeconds === null || (maxAgeSeconds > 0 && nowMs - signIn.authenticatedAtMs <= maxAgeSeconds * 1000)
}

/**
 * What was allowed once is remembered only where the answer certainly reaches the same application: another application
 * on the device can take a loopback address or a private-use scheme.
 * @see RFC 8252 §8.6, RFC 6749 §10.2
 */
async function needsConsent(
  { store }: Pick<AuthorizationServer, 'store'>,
  client: Client,
  request: AuthorizationRequest,
  user: User,
  scopes: readonly string[]
): Promise<boolean> {
  if (request.prompt.includes('consent')) return true
  const isCertain = client.confidential || request.redirectUri.startsWith('https:')
  if (!isCertain) return true
  if (client.firstParty) return false
  const allowed = await store.consents.find(user.id, client.id)
  return !scopes.every(scope => allowed.includes(scope))
}
