import type { TokenClient, TokenSet } from '@sallyport/security-context'
import { basicClientAuthorization, defined, oncePerValue, readBody } from '@sallyport/security-context/mechanics'
import { request } from 'undici'
import { type EndpointAnswer, errorOfAnswer, serverUnavailable } from './endpoint-answer.ts'
import { TokenNotGrantedError } from './errors.ts'
import type { AuthorizationServerMetadata } from './server-metadata.ts'
import { readTokenClientOptions, type TokenClientOptions } from './options.ts'
import { parseTokenSet } from './token-set.ts'

const MAX_TOKEN_ANSWER_BYTES = 64 * 1024
const EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'

type Parameters = Readonly<Record<string, string | undefined>>
type Post = (endpoint: string, parameters: Parameters) => Promise<EndpointAnswer>

/**
 * An OAuth 2.0 client for the password, refresh, client credentials and token exchange grants and for revocation.
 * It authenticates by `client_secret_basic`, never follows a redirect and never retries: a refresh token may be spent.
 * @throws `SALLYPORT_TOKEN_OPTIONS_INVALID`; its methods reject with one of the codes of `TokenClientErrorCode`
 */
export function createTokenClient(given: TokenClientOptions): TokenClient {
  const options = readTokenClientOptions(given)
  const { clock } = options
  const metadata = lazyMetadata(options.metadata)
  const post = poster(options)

  async function grant(parameters: Parameters): Promise<TokenSet> {
    const exchanged = parameters.grant_type === EXCHANGE_GRANT
    const { tokenEndpoint } = await metadata()
    const answer = await post(tokenEndpoint, parameters)
    if (answer.statusCode !== 200) throw errorOfAnswer(answer, exchanged, clock())
    const tokens = parseTokenSet(answer.body, exchanged)
    if (typeof tokens === 'string') throw serverUnavailable(new Error(tokens))
    return tokens
  }

  return {
    password: ({ username, password, scope, sessionKind, connection }) =>
      grant({
        grant_type: 'password',
        username,
        password,
        scope,
        session_kind: sessionKind,
        source_address: connection?.sourceAddress,
        user_agent: connection?.userAgent
      }),
    refresh: ({ refreshToken, scope, connection }) =>
      grant({
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        scope,
        source_address: connection?.sourceAddress,
        user_agent: connection?.userAgent
      }),
    exchange: ({ subjectToken, audience, scope }) =>
      grant({
        grant_type: EXCHANGE_GRANT,
        subject_token: subjectToken,
        subject_token_type: ACCESS_TOKEN_TYPE,
        requested_token_type: ACCESS_TOKEN_TYPE,
        audience,
        scope
      }),
    clientCredentials: ({ audience, scope }) => grant({ grant_type: 'client_credentials', audience, scope }),
    async revoke({ token, tokenTypeHint }) {
      const { revocationEndpoint } = await metadata()
      if (revocationEndpoint === null) {
        throw new TokenNotGrantedError({ cause: new Error('The authorization server has no revocation endpoint') })
      }
      const answer = await post(revocationEndpoint, { token, token_type_hint: tokenTypeHint })
      if (answer.statusCode !== 200) throw errorOfAnswer(answer, false, clock())
    }
  }
}

/** One POST of a form; rejects with `SALLYPORT_TOKEN_UNAVAILABLE` when there is no readable answer. */
function poster({ clientId, clientSecret, dispatcher, timeoutMs }: ReturnType<typeof readTokenClientOptions>): Post {
  const currentSecret = typeof clientSecret === 'function' ? clientSecret : () => clientSecret
  const authorizationNow = oncePerValue(currentSecret, secret => basicClientAuthorization(clientId, secret))
  return async (endpoint, parameters) => {
    const form = new URLSearchParams()
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined) form.append(name, value)
    const signal = AbortSignal.timeout(timeoutMs)
    const authorization = authorizationNow()
    try {
      const response = await request(endpoint, {
        method: 'POST',
        headers: { authorization, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
        body: form.toString(),
        signal,
        ...defined({ dispatcher })
      })
      const body = await readBody(response.body, MAX_TOKEN_ANSWER_BYTES, signal)
      return { statusCode: response.statusCode, retryAfter: response.headers['retry-after'], body }
    } catch (cause) {
      throw serverUnavailable(cause)
    }
  }
}

/** Asks once for all callers that wait, keeps a success and forgets a failure. */
function lazyMetadata(source: TokenClientOptions['metadata']): () => Promise<AuthorizationServerMetadata> {
  if (typeof source !== 'function') return () => Promise.resolve(source)
  let found: Promise<AuthorizationServerMetadata> | null = null
  return () => {
    found ??= source().catch(cause => {
      found = null
      throw serverUnavailable(cause)
    })
    return found
  }
}
