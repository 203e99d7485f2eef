import fc from 'fast-check'
import t from 'tap'
import { FrameReader } from '../../../../plugins/forwarding/src/web-socket/frame-reader.ts'
import { frameBytes } from '../../../support/forwarding/frames.ts'

const frame = fc.record({
  opcode: fc.constantFrom(0, 1, 2),
  isFinal: fc.boolean(),
  payload: fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536).map(length => Buffer.alloc(length))
})
const control = fc.record({
  opcode: fc.constantFrom(9, 10),
  payload: fc.integer({ min: 0, max: 125 }).map(length => Buffer.alloc(length))
})

/** Where frames end, as the reader says for these chunks. */
function frameEnds(reader: FrameReader, chunks: readonly Buffer[]): number[] {
  const ends: number[] = []
  let before = 0
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      at = reader.read(chunk, at)
      if (reader.isBroken) return ends
      if (reader.isBetweenFrames) ends.push(before + at)
    }
    before += chunk.length
  }
  return ends
}

t.test('where frames end does not depend on how their bytes arrive', async t => {
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(frame, control), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { maxLength: 12 }),
        (parts, isMasked, cuts) => {
          const frames = parts.map(part => frameBytes({ ...part, isMasked }))
          const expected = frames.map((_bytes, at) =>
            frames.slice(0, at + 1).reduce((sum, { length }) => sum + length, 0)
          )
          const whole = Buffer.concat(frames)
          const chunks: Buffer[] = []
          let from = 0
          for (const cut of cuts) {
            chunks.push(whole.subarray(from, from + cut))
            from += cut
          }
          chunks.push(whole.subarray(from))
          const reader = new FrameReader(isMasked)
          const ends = frameEnds(
            reader,
            chunks.filter(({ length }) => length > 0)
          )
          return !reader.isBroken && JSON.stringify(ends) === JSON.stringify(expected)
        }
      ),
      { numRuns: 200 }
    )
  })
})

t.test('byte by byte it is the same', async t => {
  const bytes = frameBytes({ payload: Buffer.alloc(300), isMasked: true })
  const reader = new FrameReader(true)
  const chunks = [...bytes].map(byte => Buffer.from([byte]))
  t.same(frameEnds(reader, chunks), [bytes.length])
})

t.test('a Close frame is noticed when it is complete', async t => {
  const bytes = frameBytes({ opcode: 8, payload: Buffer.from([3, 232]) })
  const reader = new FrameReader(false)
  reader.read(bytes.subarray(0, 3), 0)
  t.notOk(reader.hasClosed)
  reader.read(bytes.subarray(3), 0)
  t.ok(reader.hasClosed)
})

t.test('what this side may not send is no frame', async t => {
  const long = frameBytes({ payload: Buffer.alloc(70_000) })
  // A length that no number holds.
  long.fill(0xff, 2, 10)
  const broken: Record<string, readonly [isMasked: boolean, bytes: Buffer]> = {
    'a frame of a client without a mask': [true, frameBytes({ payload: Buffer.alloc(1) })],
    'a frame of a service with one': [false, frameBytes({ payload: Buffer.alloc(1), isMasked: true })],
    'a long control frame': [false, frameBytes({ opcode: 8, payload: Buffer.alloc(126) })],
    'a control frame in parts': [false, frameBytes({ opcode: 9, isFinal: false, payload: Buffer.alloc(1) })],
    'an endless frame': [false, long]
  }
  for (const [name, [isMasked, bytes]] of Object.entries(broken)) {
    const reader = new FrameReader(isMasked)
    for (let at = 0; at < bytes.length && !reader.isBroken;) at = reader.read(bytes, at)
    t.match([reader.isBroken, reader.isBetweenFrames, reader.hasClosed], [true, false, false], name)
  }
})
