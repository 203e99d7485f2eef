import type { DpopKey, TokenClient, TokenSet } from '@sallyport/security-context'
import { createClientRequests, type RequestParameters } from './client-requests.ts'
import { errorOfAnswer, serverUnavailable } from './endpoint-answer.ts'
import { TokenNotGrantedError } from './errors.ts'
import { readTokenClientOptions, type TokenClientOptions } from './options.ts'
import { paceRefreshes } from './pace-refreshes.ts'
import { parseTokenSet } from './token-set.ts'

const EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'

/**
 * An OAuth 2.0 client for the password, refresh, client credentials and token exchange grants and for revocation.
 * It authenticates as its configuration allows and the metadata names, never follows a redirect and retries nothing
 * that may have spent a refresh token.
 * @throws `SALLYPORT_TOKEN_OPTIONS_INVALID`; its methods reject with one of the codes of `TokenClientErrorCode`
 */
export function createTokenClient(given: TokenClientOptions): TokenClient {
  const options = readTokenClientOptions(given)
  const { clock } = options
  const { metadata, post } = createClientRequests(options)
  const waitForTurn = options.refreshPace === undefined ? null : paceRefreshes(options.refreshPace, options)

  async function grant(parameters: RequestParameters, dpopKey?: DpopKey): Promise<TokenSet> {
    const exchanged = parameters.grant_type === EXCHANGE_GRANT
    const { tokenEndpoint } = await metadata()
    const answer = await post(tokenEndpoint, parameters, dpopKey)
    if (answer.statusCode !== 200) throw errorOfAnswer(answer, exchanged, clock())
    const tokens = parseTokenSet(answer.body, { exchanged, bound: dpopKey !== undefined })
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
    async refresh({ refreshToken, scope, connection, dpopKey }) {
      await waitForTurn?.()
      const parameters = {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        scope,
        source_address: connection?.sourceAddress,
        user_agent: connection?.userAgent
      }
      return await grant(parameters, dpopKey)
    },
    exchange: ({ subjectToken, audience, scope, connection }) =>
      grant({
        grant_type: EXCHANGE_GRANT,
        subject_token: subjectToken,
        subject_token_type: ACCESS_TOKEN_TYPE,
        requested_token_type: ACCESS_TOKEN_TYPE,
        audience,
        scope,
        source_address: connection?.sourceAddress,
        user_agent: connection?.userAgent
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
