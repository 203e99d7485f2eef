import type { LoginClient } from '@sallyport/security-context'
import { parseJsonObject } from '@sallyport/security-context/mechanics'
import { createClientRequests } from './client-requests.ts'
import { errorOfAnswer, serverUnavailable } from './endpoint-answer.ts'
import { TokenNotGrantedError } from './errors.ts'
import { readTokenClientOptions, type TokenClientOptions } from './options.ts'
import { parseLoginTokens } from './token-set.ts'

/** Visible ASCII: it goes into a URL. @see RFC 9126 §2.2 */
const REQUEST_URI = /^[\x21-\x7e]{1,2048}$/

/** What the keys of sessions sign their proofs with. */
const PROOF_ALGORITHM = 'ES256'

/**
 * The part of an OpenID Connect login that talks to the issuer: pushes the request where the metadata has an endpoint
 * for that, and redeems the code. It proves itself as {@link createTokenClient} does.
 * @throws `SALLYPORT_TOKEN_OPTIONS_INVALID`; its methods reject with one of the codes of `TokenClientErrorCode`
 * @see RFC 6749 §4.1, RFC 9126 §2
 */
export function createLoginClient(given: TokenClientOptions): LoginClient {
  const options = readTokenClientOptions(given)
  const { clientId, clock } = options
  const { metadata, post } = createClientRequests(options)

  async function pushRequest(endpoint: string, parameters: Readonly<Record<string, string>>): Promise<string> {
    const answer = await post(endpoint, parameters)
    if (answer.statusCode !== 201) throw errorOfAnswer(answer, false, clock())
    const requestUri = parseJsonObject(answer.body)?.request_uri
    if (typeof requestUri === 'string' && REQUEST_URI.test(requestUri)) return requestUri
    throw serverUnavailable(new Error('The answer to a pushed request has no request_uri'))
  }

  return {
    async issuer() {
      const { issuer, answersNameIssuer = false, endSessionEndpoint = null } = await metadata()
      return { issuer, clientId, answersNameIssuer, endSessionEndpoint }
    },
    async authorizationUrl(asked) {
      const { authorizationEndpoint, pushedRequestEndpoint = null, dpopAlgorithms } = await metadata()
      if (authorizationEndpoint === null) {
        throw new TokenNotGrantedError({ cause: new Error('The issuer has no authorization endpoint') })
      }
      if (asked.dpop_jkt !== undefined && dpopAlgorithms?.includes(PROOF_ALGORITHM) !== true) {
        throw serverUnavailable(new Error(`The issuer takes no DPoP proofs by ${PROOF_ALGORITHM}`))
      }
      const parameters = { ...asked, client_id: clientId }
      if (pushedRequestEndpoint === null) return withQuery(authorizationEndpoint, parameters)
      const requestUri = await pushRequest(pushedRequestEndpoint, parameters)
      return withQuery(authorizationEndpoint, { client_id: clientId, request_uri: requestUri })
    },
    async redeem({ code, redirectUri, codeVerifier, connection, dpopKey }) {
      const { tokenEndpoint } = await metadata()
      const parameters = {
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUri,
        code_verifier: codeVerifier,
        source_address: connection?.sourceAddress,
        user_agent: connection?.userAgent
      }
      const answer = await post(tokenEndpoint, parameters, dpopKey)
      if (answer.statusCode !== 200) throw errorOfAnswer(answer, false, clock())
      const tokens = parseLoginTokens(answer.body, { bound: dpopKey !== undefined })
      if (typeof tokens === 'string') throw serverUnavailable(new Error(tokens))
      return tokens
    }
  }
}

/** An endpoint may have a query of its own, which stays. @see RFC 6749 §3.1 */
function withQuery(endpoint: string, parameters: Readonly<Record<string, string>>): string {
  const url = new URL(endpoint)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url.href
}
