import { randomFillSync } from 'node:crypto'

/** Random bytes are asked for in bulk: one call for thousands costs little more than one for eight. */
const bytes = Buffer.alloc(8192)
let used = bytes.length

/** A new W3C trace id, from the system's generator: 32 hexadecimal digits. */
export const randomTraceId = (): string => randomHex(16)

/** A new W3C span id, from the system's generator: 16 hexadecimal digits. */
export const randomSpanId = (): string => randomHex(8)

/** No byte is handed out twice. An id of zeros, which is none, does not come up. */
function randomHex(length: 8 | 16): string {
  if (used + length > bytes.length) {
    randomFillSync(bytes)
    used = 0
  }
  used += length
  return bytes.toString('hex', used - length, used)
}
