/** What a frame is made of. */
export interface FrameParts {
  readonly opcode?: number
  readonly isFinal?: boolean
  readonly isMasked?: boolean
  readonly payload: Buffer
}

/** The bytes of a frame. @see RFC 6455 §5.2 */
export function frameBytes({ opcode = 2, isFinal = true, isMasked = false, payload }: FrameParts): Buffer {
  const { length } = payload
  const mask = isMasked ? 0x80 : 0
  const head = Buffer.from([
    (isFinal ? 0x80 : 0) | opcode,
    mask | (length < 126 ? length : length < 65_536 ? 126 : 127)
  ])
  const extended = Buffer.alloc(length < 126 ? 0 : length < 65_536 ? 2 : 8)
  if (extended.length === 2) extended.writeUInt16BE(length)
  if (extended.length === 8) extended.writeBigUInt64BE(BigInt(length))
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([head, extended, Buffer.alloc(isMasked ? 4 : 0), payload])
}

/** Code and reason of a Close frame for a client. */
export function closeStatusOf(bytes: Buffer): readonly [code: number, reason: string] {
  return [bytes.readUInt16BE(2), bytes.subarray(4).toString()]
}
