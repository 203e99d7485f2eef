import { randomFillSync } from 'node:crypto'

const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/
const ZERO = '0'.repeat(32)
const ID_BYTES = 16
/** Random bytes are asked for in bulk: one call for 256 ids costs little more than one for a single id. */
const randomIds = Buffer.alloc(ID_BYTES * 256)
let nextId = randomIds.length

/**
 * The trace id of a `traceparent` header, or a new random one when there is none that can be believed.
 * @param traceparent header value as received
 * @returns 32 lower-case hexadecimal digits
 * @see W3C Trace Context §3.2
 */
export function traceIdOf(traceparent: unknown): string {
  const match = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent) : null
  const traceId = match?.[1]
  return traceId !== undefined && traceId !== ZERO ? traceId : randomId()
}

function randomId(): string {
  if (nextId === randomIds.length) {
    randomFillSync(randomIds)
    nextId = 0
  }
  nextId += ID_BYTES
  return randomIds.toString('hex', nextId - ID_BYTES, nextId)
}
