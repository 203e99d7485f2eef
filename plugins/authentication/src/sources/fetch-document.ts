import { isLoopback, readBody } from '@sallyport/security-context/mechanics'
import { fetch as undiciFetch, type Dispatcher } from 'undici'

/** What is read of an HTTP answer; both undici's and the platform's `Response` have it. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: { readonly get: (name: string) => string | null }
  readonly body: AsyncIterable<Uint8Array> | null
}

/** What is sent. Redirects are errors: the location would be chosen by whoever answers. */
export interface HttpInit {
  readonly method: 'GET' | 'POST'
  readonly headers: Record<string, string>
  readonly body?: string
  readonly redirect: 'error'
  readonly signal: AbortSignal
  readonly dispatcher?: Dispatcher
}

/** The `fetch` that the clients of this plugin use; tests pass their own. */
export type Fetch = (url: string, init: HttpInit) => Promise<HttpAnswer>

/** How to reach a server of the issuer. */
export interface Connection {
  /** Carries the connections: trusted CAs, client certificate, addresses. Default: undici's global dispatcher. */
  readonly dispatcher?: Dispatcher
  /** Time for one request from start to the last byte, in ms. */
  readonly timeoutMs: number
  readonly fetch?: Fetch
}

/** An answer that was read to the end. */
export interface FetchedDocument {
  readonly status: number
  readonly headers: HttpAnswer['headers']
  readonly body: Buffer
}

/**
 * Fetches a document of bounded size within a bounded time.
 * @param maxBytes size after any content coding is undone
 * @throws whatever went wrong: no connection, timeout, redirect, too large
 */
export async function fetchDocument(
  url: string,
  connection: Connection,
  maxBytes: number,
  request: Partial<Pick<HttpInit, 'method' | 'headers' | 'body'>> = {}
): Promise<FetchedDocument> {
  const send: Fetch = connection.fetch ?? undiciFetch
  const signal = AbortSignal.timeout(connection.timeoutMs)
  const answer = await send(url, {
    method: 'GET',
    ...request,
    headers: { 'accept-encoding': 'identity', ...request.headers },
    redirect: 'error',
    signal,
    ...(connection.dispatcher === undefined ? {} : { dispatcher: connection.dispatcher })
  })
  return { status: answer.status, headers: answer.headers, body: await readBody(answer.body, maxBytes, signal) }
}

/** Whether this is an absolute https URL, or an http one on the loopback interface, without credentials or fragment. */
export function isSecureEndpoint(value: unknown): value is string {
  if (typeof value !== 'string' || !URL.canParse(value)) return false
  const url = new URL(value)
  if (url.username !== '' || url.password !== '' || url.hash !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}
