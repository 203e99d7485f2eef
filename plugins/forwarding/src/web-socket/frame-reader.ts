/** Control frames, of which Close is one, are short and whole. @see RFC 6455 §5.5 */
const FIRST_CONTROL_OPCODE = 0x8
const CLOSE_OPCODE = 0x8
const LONGEST_CONTROL_PAYLOAD = 125
const LONGEST_HEAD_BYTES = 14

/**
 * Follows the frames of one direction of a WebSocket without keeping them: the gateway has to know where one ends, to
 * say something itself. What the frames carry is not looked at.
 * @see RFC 6455 §5.2
 */
export class FrameReader {
  readonly #isMasked: boolean
  readonly #head = Buffer.alloc(LONGEST_HEAD_BYTES)
  #headBytes = 0
  #payloadBytes = 0
  #isClose = false
  #hasClosed = false
  #isBroken = false

  /** @param isMasked what comes from a client is, and what comes from a service is not */
  constructor(isMasked: boolean) {
    this.#isMasked = isMasked
  }

  /** Whether the last byte was the end of a frame. */
  get isBetweenFrames(): boolean {
    return this.#headBytes === 0 && this.#payloadBytes === 0 && !this.#isBroken
  }

  /** Whether a Close frame is complete: nothing may follow it. */
  get hasClosed(): boolean {
    return this.#hasClosed
  }

  /** Whether these are no frames that this side may send. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** Reads on to the end of the frame, or of the chunk. @returns where it stopped: what is before that is part of it */
  read(chunk: Buffer, from: number): number {
    let at = from
    while (this.#payloadBytes === 0) {
      if (at === chunk.length || this.#isBroken) return at
      this.#head[this.#headBytes++] = chunk[at++] ?? 0
      if (this.#headBytes < headLength(this.#head, this.#headBytes)) continue
      this.#takeHead()
      if (this.#payloadBytes === 0) {
        this.#endFrame()
        return at
      }
    }
    const taken = Math.min(this.#payloadBytes, chunk.length - at)
    this.#payloadBytes -= taken
    if (this.#payloadBytes === 0) this.#endFrame()
    return at + taken
  }

  #takeHead(): void {
    const [first = 0, second = 0] = this.#head
    const opcode = first & 0x0f
    const length = payloadLength(this.#head)
    const isControl = opcode >= FIRST_CONTROL_OPCODE
    const isWhole = (first & 0x80) !== 0
    this.#headBytes = 0
    this.#isBroken =
      ((second & 0x80) !== 0) !== this.#isMasked ||
      !Number.isSafeInteger(length) ||
      (isControl && (!isWhole || length > LONGEST_CONTROL_PAYLOAD))
    this.#payloadBytes = this.#isBroken ? 0 : length
    this.#isClose = opcode === CLOSE_OPCODE
  }

  #endFrame(): void {
    if (this.#isClose && !this.#isBroken) this.#hasClosed = true
  }
}

/** How long the head of a frame is, as far as its first two bytes say; at least two. */
function headLength(head: Buffer, known: number): number {
  if (known < 2) return 2
  const [, second = 0] = head
  const length = second & 0x7f
  const extended = length === 126 ? 2 : length === 127 ? 8 : 0
  return 2 + extended + ((second & 0x80) === 0 ? 0 : 4)
}

function payloadLength(head: Buffer): number {
  const length = (head[1] ?? 0) & 0x7f
  if (length === 126) return head.readUInt16BE(2)
  return length === 127 ? Number(head.readBigUInt64BE(2)) : length
}
