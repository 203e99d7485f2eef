import { Readable } from 'node:stream'
import { TIMEOUT_HEADER } from '@sallyport/security-context'
import type { Dispatcher } from 'undici'
import { LimitedBody } from '../body-limit.ts'

/** Methods that mean the same however often they arrive. @see RFC 9110 §9.2.2 */
const IDEMPOTENT: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']

/** Whether a request may arrive more than once. */
export function isRepeatable(method: string, hasKey: boolean): boolean {
  return IDEMPOTENT.includes(method) || hasKey
}

/** The same for a request on its way to a service, whose header is names and values in turn. */
export function isRepeatableCall({ method, headers }: Dispatcher.DispatchOptions): boolean {
  const hasKey = Array.isArray(headers) && headers.some((text, at) => at % 2 === 0 && text === 'idempotency-key')
  return isRepeatable(method, hasKey)
}

/**
 * The same request to be sent once more, with less time left; `null` where a part of its body has gone out and was not
 * kept.
 * @param elapsedMs since the header was made
 */
export function requestAgain(
  options: Dispatcher.DispatchOptions,
  elapsedMs: number
): Dispatcher.DispatchOptions | null {
  const { body = null } = options
  const replayed = body instanceof Readable ? bodyAgain(body) : body
  if (replayed === undefined) return null
  return { ...options, headers: withLessTime(options.headers ?? [], elapsedMs), body: replayed }
}

/** `undefined` for what cannot be sent again. */
function bodyAgain(body: Readable): Buffer | Readable | undefined {
  if (body instanceof LimitedBody && body.kept !== null) return body.kept
  return body.destroyed || Readable.isDisturbed(body) ? undefined : body
}

type OutgoingHeaders = NonNullable<Dispatcher.DispatchOptions['headers']>

function withLessTime(headers: OutgoingHeaders, elapsedMs: number): OutgoingHeaders {
  if (!Array.isArray(headers)) return headers
  const at = headers.findIndex((text, place) => place % 2 === 0 && text === TIMEOUT_HEADER)
  const left = Number(headers[at + 1]) - elapsedMs
  return at === -1 ? headers : headers.with(at + 1, String(Math.max(1, Math.ceil(left))))
}
