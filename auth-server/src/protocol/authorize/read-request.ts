import { invalidRequest } from '../../oauth-error.ts'
import type { Form } from '../../parse-form.ts'
import type { Client } from '../../store/records.ts'
import { parseScopes } from '../../tokens/access-token-claims.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { readIdTokenHint } from '../openid/id-tokens.ts'
import { isProtocolScope } from '../narrow-scopes.ts'
import { AuthorizationError, type AuthorizationErrorCode } from './authorization-error.ts'
import type { AuthorizationRequest, Prompt, ResponseTarget } from './authorization-request.ts'
import { isRegistered } from './redirect-uris.ts'

/** Longest single parameter, in characters. */
const LONGEST_PARAMETER = 2048
const PROMPTS: readonly Prompt[] = ['none', 'login', 'consent']
/** The base64url of a SHA-256. */
const SHA256_FORM = /^[\w-]{43}$/

/** What is read of a request, or refused; everything else is ignored. */
export const REQUEST_PARAMETERS: ReadonlySet<string> = new Set([
  'client_id',
  'redirect_uri',
  'response_type',
  'response_mode',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
  'dpop_jkt',
  'prompt',
  'max_age',
  'login_hint',
  'ui_locales',
  'id_token_hint',
  'request'
])

/** What reading a request takes. */
export type RequestReader = Pick<AuthorizationServer, 'store' | 'issuer' | 'keys'>

/** A request and the client that makes it. */
export interface ReadRequest {
  readonly request: AuthorizationRequest
  readonly client: Client
}

/**
 * Reads an authorization request. Until client and redirect URI are known to belong together, nothing is sent to the
 * redirect URI: what is wrong with them is an {@link OAuthError} for the user; everything after is told to the client.
 * @param requestUri of the pushed request that the parameters come from, `null` for others
 * @throws {OAuthError} `invalid_request`
 * @throws {AuthorizationError}
 * @see RFC 6749 §4.1.1, §4.1.2.1
 */
export async function readRequest(
  server: RequestReader,
  parameters: Form,
  requestUri: string | null = null
): Promise<ReadRequest> {
  const client = await server.store.clients.find(parameters.get('client_id') ?? '')
  if (client === null || client.disabledAtMs !== null) {
    throw invalidRequest('client-unknown', 'The application is not known here')
  }
  const redirectUri = parameters.get('redirect_uri')
  if (redirectUri === undefined || !isRegistered(redirectUri, client)) {
    throw invalidRequest('redirect-uri', 'The application’s address is not registered here').about({
      clientId: client.id
    })
  }
  const target = { clientId: client.id, redirectUri, state: parameters.get('state') ?? null }
  const expectedUserId = await hintedUserOf(server, client, parameters.get('id_token_hint'), target)
  return { client, request: { ...requestOf(client, parameters, target, requestUri), expectedUserId } }
}

function requestOf(
  client: Client,
  parameters: Form,
  target: ResponseTarget,
  requestUri: string | null
): Omit<AuthorizationRequest, 'expectedUserId'> {
  const refuse = refusalTo(target)
  if (!client.grantTypes.includes('authorization_code')) {
    throw refuse('unauthorized_client', 'grant-not-allowed', 'This client may not use the grant')
  }
  if ([...parameters].some(([name, value]) => name !== 'id_token_hint' && value.length > LONGEST_PARAMETER)) {
    throw refuse('invalid_request', 'parameter-too-long', 'A parameter is too long')
  }
  if (parameters.has('request')) {
    throw refuse('request_not_supported', 'request-object', 'Request objects are not supported')
  }
  if (client.pushedRequestsRequired && requestUri === null) {
    throw refuse('invalid_request', 'request-not-pushed', 'This client has to push its requests')
  }
  if (parameters.get('response_type') !== 'code') {
    throw refuse('unsupported_response_type', 'response-type', 'The response type is code')
  }
  if ((parameters.get('response_mode') ?? 'query') !== 'query') {
    throw refuse('invalid_request', 'response-mode', 'The response mode is query')
  }
  const audience = client.defaultAudience
  if (audience === null) throw refuse('unauthorized_client', 'audience-missing', 'This client has no audience')
  return {
    ...target,
    audience,
    scopes: scopesAsked(client, parameters, refuse),
    codeChallenge: codeChallengeOf(parameters, refuse),
    prompt: promptOf(parameters, refuse),
    maxAgeSeconds: maxAgeOf(parameters, refuse),
    nonce: parameters.get('nonce') ?? null,
    loginHint: parameters.get('login_hint') ?? null,
    uiLocales: parameters.get('ui_locales') ?? null,
    dpopThumbprint: dpopThumbprintOf(parameters, refuse),
    requestUri
  }
}

type Refuse = (error: AuthorizationErrorCode, reason: string, description: string) => AuthorizationError

const refusalTo =
  (target: ResponseTarget): Refuse =>
  (error, reason, description) =>
    new AuthorizationError(error, reason, description, target)

function scopesAsked(client: Client, parameters: Form, refuse: Refuse): readonly string[] {
  const asked = parameters.get('scope')
  if (asked === undefined) return client.scopes.filter(scope => !isProtocolScope(scope))
  const scopes = [...new Set(parseScopes(asked))]
  if (!scopes.every(scope => client.scopes.includes(scope))) {
    throw refuse('invalid_scope', 'scope-not-allowed', 'The requested scope cannot be granted')
  }
  return scopes
}

/** A hint that is no id_token of this client is a mistake of the client: nobody is logged in on the strength of it. */
async function hintedUserOf(
  server: RequestReader,
  client: Client,
  hint: string | undefined,
  target: ResponseTarget
): Promise<string | null> {
  if (hint === undefined) return null
  const hinted = await readIdTokenHint(server, hint)
  if (hinted === null || hinted.clientId !== client.id) {
    throw refusalTo(target)('invalid_request', 'id-token-hint', 'The id_token_hint is not valid')
  }
  return hinted.userId
}

/**
 * Without a method the challenge would be `plain`, which anybody who reads the request can answer. @see RFC 9700 §2.1.1
 */
function codeChallengeOf(parameters: Form, refuse: Refuse): string {
  const challenge = parameters.get('code_challenge')
  if (challenge === undefined) throw refuse('invalid_request', 'code-challenge-missing', 'A code challenge is required')
  if (parameters.get('code_challenge_method') !== 'S256') {
    throw refuse('invalid_request', 'code-challenge-method', 'The code challenge method is S256')
  }
  if (!SHA256_FORM.test(challenge)) {
    throw refuse('invalid_request', 'code-challenge-form', 'The code challenge is not valid')
  }
  return challenge
}

function promptOf(parameters: Form, refuse: Refuse): readonly Prompt[] {
  // Choosing an account is logging in again: a browser has one account here.
  const names = parseScopes(parameters.get('prompt') ?? '').map(name => (name === 'select_account' ? 'login' : name))
  const prompts = PROMPTS.filter(prompt => names.includes(prompt))
  if (!names.every(name => prompts.some(prompt => prompt === name))) {
    throw refuse('invalid_request', 'prompt', 'The prompt is not known')
  }
  if (prompts.includes('none') && prompts.length > 1) {
    throw refuse('invalid_request', 'prompt', 'The prompt none stands alone')
  }
  return prompts
}

function maxAgeOf(parameters: Form, refuse: Refuse): number | null {
  const value = parameters.get('max_age')
  if (value === undefined) return null
  if (!/^\d{1,9}$/.test(value)) throw refuse('invalid_request', 'max-age', 'max_age is not a number of seconds')
  return Number(value)
}

function dpopThumbprintOf(parameters: Form, refuse: Refuse): string | null {
  const value = parameters.get('dpop_jkt') ?? null
  if (value !== null && !SHA256_FORM.test(value)) {
    throw refuse('invalid_request', 'dpop-thumbprint', 'dpop_jkt is not a thumbprint')
  }
  return value
}
