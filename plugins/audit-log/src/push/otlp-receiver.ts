import { validateHeaderName, validateHeaderValue } from 'node:http'
import {
  isJsonObject,
  ownMember,
  parseJsonObject,
  parseRetryAfter,
  withRetryAfter
} from '@sallyport/security-context/mechanics'
import { askElsewhere, isSafeAddress, textOfAnswer } from '../ask-elsewhere.ts'
import { otlpLogs } from './otlp-logs.ts'
import { trustForNode, type ReceiverTrust, type SentBatch, type TrailReceiver } from './receiver.ts'

/** What {@link otlpReceiver} says of itself, and whom it believes. */
export interface OtlpReceiverOptions extends ReceiverTrust {
  /** Go with each request, for example `{ authorization: 'Bearer …' }`. */
  readonly headers?: Readonly<Record<string, string>>
  /** `service.name` of the resource. Default `sallyport`. */
  readonly serviceName?: string
}

/** An answer says how many records were refused, and nothing else that is read. */
const MOST_ANSWER_BYTES = 65_536
/** What the collector says of the batch itself: it is malformed, too long, or cannot be processed. */
const ROWS_REFUSED: readonly number[] = [400, 413, 422]

/**
 * A collector that takes OTLP logs over HTTP, in JSON. Its certificate is always verified, and redirects are not
 * followed. Every answer that is not about the batch itself is tried again: a wrong path or token is put right, and the
 * rows are still there.
 * @param url whole address, such as `https://collector.example.com/v1/logs`
 * @throws {TypeError} for a URL that is not HTTPS, other than one of this machine, for one with credentials, and for
 * headers that cannot be sent
 * @see OTLP 1.x, OTLP/HTTP
 */
export function otlpReceiver(url: string, options: OtlpReceiverOptions = {}): TrailReceiver {
  const { headers = {}, serviceName = 'sallyport', ...trust } = options
  if (!isSafeAddress(url)) throw new TypeError('a receiver needs HTTPS')
  const { origin, username, password } = new URL(url)
  if (username !== '' || password !== '') throw new TypeError('credentials belong into headers')
  const headerMistake = requestHeaderMistake(headers)
  if (headerMistake !== null) throw new TypeError(headerMistake)
  const resource = { 'service.name': serviceName }
  return {
    name: `OTLP ${origin}`,
    send: async (rows, signal) => {
      const answer = await askElsewhere(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: otlpLogs(rows, resource),
        tls: trustForNode(trust),
        signal
      })
      const status = answer.statusCode ?? 0
      // The status says what became of the batch: an answer that is too long must not send it a second time.
      const text = await textOfAnswer(answer, MOST_ANSWER_BYTES).catch(() => '')
      if (status >= 200 && status <= 299) return { kind: 'taken', refused: rejectedRecords(text, rows.length) }
      return refusedOrAgain(status, answer.headers['retry-after'])
    }
  }
}

/** Why Node would send no request with these fields; `null` when it does. No value is in the text. */
export function requestHeaderMistake(headers: Readonly<Record<string, string>>): string | null {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    } catch {
      return `the header ${JSON.stringify(name)} cannot be sent`
    }
  }
  return null
}

function refusedOrAgain(status: number, retryAfter: string | undefined): SentBatch {
  if (ROWS_REFUSED.includes(status)) return { kind: 'refused', reason: `the collector answered ${status}` }
  const error = new Error(`the collector answered ${status}`)
  const seconds = parseRetryAfter(retryAfter, Date.now())
  throw seconds === null ? error : withRetryAfter(error, seconds)
}

/** Nobody may send them again. @see OTLP 1.x, Partial Success */
function rejectedRecords(text: string, sent: number): number {
  const partial = ownMember(parseJsonObject(Buffer.from(text)) ?? {}, 'partialSuccess')
  const count = isJsonObject(partial) ? Number(ownMember(partial, 'rejectedLogRecords') ?? 0) : 0
  return Number.isSafeInteger(count) && count > 0 ? Math.min(count, sent) : 0
}
