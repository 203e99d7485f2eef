import type { IncomingMessage } from 'node:http'
import { request as overPlain } from 'node:http'
import { request as overTls } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import { isLoopback } from '@sallyport/security-context/mechanics'

/** A question to another machine. */
export interface QuestionElsewhere {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** PEM of the authorities that vouch for it; left out: those that Node trusts. */
  readonly ca?: string | undefined
  /** Whom it believes and what it shows, in place of `ca`. */
  readonly tls?: SecureContextOptions
  /** Ends the question, and the answer under way. */
  readonly signal: AbortSignal
}

/** Whether an address is reached over TLS, or is on this machine. */
export function isSafeAddress(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

/**
 * Asks an address, on a connection of its own. Certificates are always verified, whatever the environment of the
 * process says. Redirects are not followed. Rejects when there is no answer.
 */
export async function askElsewhere(
  url: string,
  { method = 'GET', headers = {}, body, ca, tls, signal }: QuestionElsewhere
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const common = { method, headers, signal, agent: false } as const
  const question = url.startsWith('https:')
    ? overTls(url, { ...common, ...(ca !== undefined && { ca }), ...tls, rejectUnauthorized: true }, resolve)
    : overPlain(url, common, resolve)
  question.once('error', reject)
  question.end(body)
  return await promise
}

/** The text of an answer. Rejects for one that is longer. */
export async function textOfAnswer(answer: IncomingMessage, mostBytes: number): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of answer as AsyncIterable<Buffer>) {
    bytes += part.byteLength
    if (bytes > mostBytes) throw new Error('the answer is too long')
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}
