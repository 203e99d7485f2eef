import type { Dispatcher } from 'undici'
import { request } from 'undici'

/** One request of the walkthrough. */
export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as application/x-www-form-urlencoded. */
  readonly form?: Readonly<Record<string, string>>
}

/** What came back. */
export interface CallAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The parsed JSON body, the text of another body, `null` for none. */
  readonly body: unknown
}

/** A check of the walkthrough failed. */
export class WalkthroughError extends Error {}

const SECRET_MEMBERS = /^(accessToken|refreshToken|access_token|refresh_token|password|interaction|csrf)$/
/** Parameters of URLs that are good for something while they are new. */
const SECRET_PARAMETERS = /([?&](?:code|state|request_uri|id_token_hint)=)([\w%.:-]{12})[\w%.:-]+/g
const SHOWN_RESPONSE_HEADERS = ['content-type', 'www-authenticate', 'set-cookie', 'location', 'retry-after']

/** Sends requests, checks answers, and writes both as a readable transcript with shortened secrets. */
export class Transcript {
  readonly #dispatcher: Dispatcher
  readonly #write: (line: string) => void

  constructor(dispatcher: Dispatcher, write: (line: string) => void) {
    this.#dispatcher = dispatcher
    this.#write = write
  }

  /** A heading. */
  heading(text: string): void {
    this.#write(`\n== ${text} ${'='.repeat(Math.max(3, 100 - text.length))}`)
  }

  /** Explains the lines around it. */
  note(text: string): void {
    this.#write(`   ${text}`)
  }

  /** Sends a request and writes it with its answer. */
  async call(call: Call): Promise<CallAnswer> {
    const method = call.method ?? 'GET'
    const headers = { ...call.headers, ...contentType(call) }
    this.#write(`\n> ${method} ${shortenAddress(call.url)}`)
    for (const [name, value] of Object.entries(headers)) this.#write(`> ${name}: ${shortenHeader(name, value)}`)
    if (call.json !== undefined) this.#write(`> ${transcriptText(call.json)}`)
    if (call.form !== undefined) this.#write(`> ${transcriptText(call.form)}`)
    const response = await request(call.url, { method, headers, body: callBody(call), dispatcher: this.#dispatcher })
    const text = await response.body.text()
    const answer = {
      status: response.statusCode,
      headers: response.headers,
      body: parseAnswer(text, response.headers['content-type'])
    }
    this.#write(`< ${answer.status}`)
    for (const name of SHOWN_RESPONSE_HEADERS) {
      for (const value of [answer.headers[name] ?? []].flat()) this.#write(`< ${name}: ${shortenHeader(name, value)}`)
    }
    if (answer.body !== null) this.#write(`< ${pageTitle(answer) ?? transcriptText(answer.body)}`)
    return answer
  }

  /** Checks a promise of the flow, and writes it. */
  check(holds: boolean, what: string): void {
    if (!holds) throw new WalkthroughError(`failed: ${what}`)
    this.#write(`   ✓ ${what}`)
  }
}

function contentType(call: Call): Record<string, string> {
  if (call.json !== undefined) return { 'content-type': 'application/json' }
  return call.form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
}

function callBody(call: Call): string | null {
  if (call.json !== undefined) return JSON.stringify(call.json)
  return call.form === undefined ? null : new URLSearchParams(call.form).toString()
}

function parseAnswer(text: string, type: string | string[] | undefined): unknown {
  if (text === '') return null
  return String(type).includes('json') ? JSON.parse(text) : text
}

const shortenAddress = (url: string): string => url.replace(SECRET_PARAMETERS, '$1$2…')

/** Of a page for people; `null` for every other body. */
function pageTitle({ body }: CallAnswer): string | null {
  const [, title] = typeof body === 'string' ? (/<title>([^<]*)<\/title>/.exec(body) ?? []) : []
  return title === undefined ? null : `a page: ${title}`
}

function shortenHeader(name: string, value: string): string {
  if (name === 'location') return shortenAddress(value)
  return /^(authorization|cookie|set-cookie)$/.test(name)
    ? value.replace(/((?:Basic|Bearer) |=)([\w+/=.~-]{16})[\w+/=.~-]+/g, '$1$2…')
    : value
}

function transcriptText(body: unknown): string {
  const text =
    typeof body === 'string'
      ? body
      : JSON.stringify(body, (name, value) =>
          SECRET_MEMBERS.test(name) && typeof value === 'string' ? `${value.slice(0, 12)}…` : (value as unknown)
        )
  return text.length > 700 ? `${text.slice(0, 700)}… (${text.length} characters)` : text
}
