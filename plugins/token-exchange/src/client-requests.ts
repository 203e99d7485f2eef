import { defined, readBody, type AuthorizationServerMetadata } from '@sallyport/security-context/mechanics'
import { request } from 'undici'
import { chooseClientMethod, endpointsForMethod } from './choose-client-method.ts'
import { proveClient } from './client-authentication.ts'
import { type EndpointAnswer, serverUnavailable } from './endpoint-answer.ts'
import type { readTokenClientOptions, TokenClientOptions } from './options.ts'

const MAX_TOKEN_ANSWER_BYTES = 64 * 1024

/** Parameters of a form; those that are `undefined` are left out. */
export type RequestParameters = Readonly<Record<string, string | undefined>>

/** The requests of one client to its authorization server. */
export interface ClientRequests {
  /** Rejects with `SALLYPORT_TOKEN_UNAVAILABLE`. */
  readonly metadata: () => Promise<AuthorizationServerMetadata>
  /** One POST of a form; rejects with `SALLYPORT_TOKEN_UNAVAILABLE` when there is no readable answer. */
  readonly post: (endpoint: string, parameters: RequestParameters) => Promise<EndpointAnswer>
}

/** Never follows a redirect and never retries: a refresh token or a code may be spent. */
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

  return {
    metadata: async () => (await asClient()).metadata,
    async post(endpoint, parameters) {
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
            accept: 'application/json',
            'content-type': 'application/x-www-form-urlencoded'
          },
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
