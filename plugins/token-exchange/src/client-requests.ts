import { defined, readBody, type AuthorizationServerMetadata } from '@sallyport/security-context/mechanics'
import type { DpopKey } from '@sallyport/security-context'
import { request } from 'undici'
import { chooseClientMethod, endpointsForMethod } from './choose-client-method.ts'
import { proveClient } from './client-authentication.ts'
import { asksForNonce, createEndpointNonces } from './endpoint-nonces.ts'
import { type EndpointAnswer, serverUnavailable } from './endpoint-answer.ts'
import type { readTokenClientOptions, TokenClientOptions } from './options.ts'

const MAX_TOKEN_ANSWER_BYTES = 64 * 1024

/** Parameters of a form; those that are `undefined` are left out. */
export type RequestParameters = Readonly<Record<string, string | undefined>>

/** The requests of one client to its authorization server. */
export interface ClientRequests {
  /** Rejects with `SALLYPORT_TOKEN_UNAVAILABLE`. */
  readonly metadata: () => Promise<AuthorizationServerMetadata>
  /**
   * One POST of a form; rejects with `SALLYPORT_TOKEN_UNAVAILABLE` when there is no readable answer.
   * @param dpopKey proven with the request
   */
  readonly post: (endpoint: string, parameters: RequestParameters, dpopKey?: DpopKey) => Promise<EndpointAnswer>
}

/**
 * Never follows a redirect, and repeats nothing but a request whose proof lacks a nonce, which spends nothing: a
 * refresh token or a code may be spent by any other.
 */
export function createClientRequests(options: ReturnType<typeof readTokenClientOptions>): ClientRequests {
  const { dispatcher, timeoutMs } = options
  const found = lazyMetadata(options.metadata)

  async function asClient() {
    const known = await found()
    try {
      const method = chooseClientMethod(options, known)
      return { metadata: endpointsForMethod(known, method), method }
    } catch (cause) {
      throw serverUnavailable(cause)
    }
  }

  const nonces = createEndpointNonces()

  async function postOnce(
    endpoint: string,
    parameters: RequestParameters,
    proofHeader: { readonly dpop?: string }
  ): Promise<EndpointAnswer> {
    const { metadata, method } = await asClient()
    const proof = proveClient(options, metadata.issuer, method)
    const form = new URLSearchParams()
    for (const [name, value] of Object.entries({ ...parameters, ...proof.parameters })) {
      if (value !== undefined) form.append(name, value)
    }
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      const response = await request(endpoint, {
        method: 'POST',
        headers: {
          ...proof.headers,
          ...proofHeader,
          accept: 'application/json',
          'content-type': 'application/x-www-form-urlencoded'
        },
        body: form.toString(),
        signal,
        ...defined({ dispatcher })
      })
      const body = await readBody(response.body, MAX_TOKEN_ANSWER_BYTES, signal)
      const { 'retry-after': retryAfter, 'dpop-nonce': dpopNonce } = response.headers
      return { statusCode: response.statusCode, retryAfter, dpopNonce, body }
    } catch (cause) {
      throw serverUnavailable(cause)
    }
  }

  return {
    metadata: async () => (await asClient()).metadata,
    async post(endpoint, parameters, dpopKey) {
      if (dpopKey === undefined) return await postOnce(endpoint, parameters, {})
      const postWith = async (nonce: string | undefined): Promise<EndpointAnswer> => {
        const dpop = dpopKey.prove({ method: 'POST', url: endpoint, ...defined({ nonce }) })
        return await postOnce(endpoint, parameters, { dpop })
      }
      const used = nonces.latest(endpoint)
      const answer = await postWith(used)
      const nonce = nonces.note(endpoint, answer)
      if (nonce === undefined || nonce === used || !asksForNonce(answer)) return answer
      const repeated = await postWith(nonce)
      nonces.note(endpoint, repeated)
      return repeated
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
