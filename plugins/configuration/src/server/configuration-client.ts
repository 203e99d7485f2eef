import { readBody } from '@sallyport/security-context/mechanics'
import { ServerAnswerError, ServerUnreachableError } from '../errors.ts'
import {
  isDocumentToken,
  isProfileList,
  readServerDocument,
  type DocumentName,
  type ServerDocument
} from './server-document.ts'

/** The part of an answer that the client reads; that of `fetch` and that of undici fit. */
export interface ServerResponse {
  readonly status: number
  readonly headers: { readonly get: (name: string) => string | null }
  readonly body: AsyncIterable<Uint8Array> | null
}

/** Sends one request. It verifies the server's certificate, and does not follow redirects. */
export type SendToServer = (
  url: string,
  init: { readonly headers: Readonly<Record<string, string>>; readonly redirect: 'error'; readonly signal: AbortSignal }
) => Promise<ServerResponse>

/** How a client proves itself to a configuration server. */
export interface ServerAuthorization {
  /** Value of the header `Authorization`. */
  readonly header: () => Promise<string>
  /** Told that the server refuses it: the next one may be another. */
  readonly refused: () => void
}

/** Basic authentication. @param credentials `user:password` of now */
export function basicServerAuthorization(credentials: () => string): ServerAuthorization {
  return { header: async () => `Basic ${Buffer.from(credentials()).toString('base64')}`, refused: () => {} }
}

/** Options of {@link createConfigurationClient}. */
export interface ConfigurationClientOptions extends DocumentName {
  /** Of the server, without a path at its end for a document. */
  readonly url: string
  readonly send: SendToServer
  /** Left out: the server asks for nothing. */
  readonly authorization?: ServerAuthorization
  /**
   * From the request to the end of the answer, in ms.
   * @default 5000
   */
  readonly timeoutMs?: number
}

/** Asks a configuration server for one document. */
export interface ConfigurationClient {
  readonly name: DocumentName
  /** In messages. */
  readonly origin: string
  /**
   * The document, or `null` when it is the one that was taken last.
   * @throws {ServerUnreachableError} and {ServerAnswerError}
   */
  readonly pull: () => Promise<ServerDocument | null>
  /** Makes the next `pull` answer with the document even when it has not changed. */
  readonly forget: () => void
  /**
   * Listens to the server's stream of changes, if it has one, until it ends. What changed is not taken from the stream.
   * @returns whether there was a stream
   */
  readonly listen: (onChange: () => void, signal: AbortSignal) => Promise<boolean>
}

const MAX_DOCUMENT_BYTES = 1_048_576
const TIMEOUT_MS = 5000
const MAX_LINE_CHARACTERS = 8192

/**
 * A client of a configuration server that speaks Spring Cloud Config's JSON: `{url}/{application}/{profile}/{label}`,
 * with `If-None-Match`. The stream of changes is `…/{label}/changes`, an event for each.
 * @throws {ServerAnswerError} `SALLYPORT_CONFIGURATION_SERVER_ANSWER` when a name is no token
 */
export function createConfigurationClient(options: ConfigurationClientOptions): ConfigurationClient {
  const { url, send, authorization, application, profile, label, timeoutMs = TIMEOUT_MS } = options
  for (const [what, name] of Object.entries({ application, label })) {
    if (!isDocumentToken(name)) throw new ServerAnswerError(`the ${what} is no name`)
  }
  if (!isProfileList(profile)) throw new ServerAnswerError('the profile is no name, nor a list of names')
  const address = `${url.endsWith('/') ? url.slice(0, -1) : url}/${application}/${profile}/${label}`
  let etag: string | null = null

  async function ask(target: string, headers: Readonly<Record<string, string>>, signal: AbortSignal) {
    try {
      const proof = authorization === undefined ? {} : { authorization: await authorization.header() }
      const answer = await send(target, { headers: { ...proof, ...headers }, redirect: 'error', signal })
      if (answer.status === 401) authorization?.refused()
      return answer
    } catch (cause) {
      throw Object.assign(new ServerUnreachableError(), { cause })
    }
  }

  async function pull(): Promise<ServerDocument | null> {
    const signal = AbortSignal.timeout(timeoutMs)
    const known = etag === null ? {} : { 'if-none-match': etag }
    const { status, headers, body } = await ask(address, { accept: 'application/json', ...known }, signal)
    if (status === 304 && etag !== null) return null
    if (status >= 500 || status === 429) throw new ServerUnreachableError()
    if (status !== 200) throw new ServerAnswerError(`status ${status}`)
    const document = await readBounded(body, { application, profile, label }, signal)
    etag = headers.get('etag')
    return document
  }

  return {
    name: { application, profile, label },
    origin: `configuration server ${new URL(url).origin}`,
    pull,
    forget: () => {
      etag = null
    },
    listen: async (onChange, signal) => {
      const { status, headers, body } = await ask(`${address}/changes`, { accept: 'text/event-stream' }, signal)
      if (status !== 200 || !(headers.get('content-type') ?? '').startsWith('text/event-stream')) return false
      await readEvents(body, onChange)
      return true
    }
  }
}

async function readBounded(
  body: AsyncIterable<Uint8Array> | null,
  name: DocumentName,
  signal: AbortSignal
): Promise<ServerDocument> {
  let bytes: Buffer
  try {
    bytes = await readBody(body, MAX_DOCUMENT_BYTES, signal)
  } catch (cause) {
    if (signal.aborted) throw Object.assign(new ServerUnreachableError(), { cause })
    throw Object.assign(new ServerAnswerError('the document is too long or was cut'), { cause })
  }
  try {
    return readServerDocument(bytes, name)
  } catch (cause) {
    throw Object.assign(new ServerAnswerError(cause instanceof Error ? cause.message : 'no document'), { cause })
  }
}

/** Each event with data is a change; comments keep the connection open. */
async function readEvents(body: AsyncIterable<Uint8Array> | null, onChange: () => void): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_CHARACTERS) throw new ServerAnswerError('the stream has too long a line')
    if (lines.some(line => line.startsWith('data:'))) onChange()
  }
}
