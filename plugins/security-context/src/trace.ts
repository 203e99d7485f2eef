import { randomTraceId } from './random-ids.ts'

const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/
const ZERO = '0'.repeat(32)

/**
 * The trace id of a `traceparent` header, or a new random one when there is none that can be believed.
 * @param traceparent header value as received
 * @returns 32 lower-case hexadecimal digits
 * @see W3C Trace Context §3.2
 */
export function traceIdOf(traceparent: unknown): string {
  const match = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent) : null
  const traceId = match?.[1]
  return traceId !== undefined && traceId !== ZERO ? traceId : randomTraceId()
}
