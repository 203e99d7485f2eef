import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { randomSpanId, randomTraceId } from '@sallyport/security-context'
import t from 'tap'

t.test('ids come from blocks of the system’s generator, in order, and no byte is in two of them', async t => {
  const { randomFillSync } = crypto
  const blocks: Buffer[] = []
  const counting = <Bytes extends NodeJS.ArrayBufferView>(bytes: Bytes): Bytes => {
    randomFillSync(bytes)
    blocks.push(Buffer.from(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)))
    return bytes
  }
  Object.assign(crypto, { randomFillSync: counting })
  syncBuiltinESMExports()
  t.after(() => {
    Object.assign(crypto, { randomFillSync })
    syncBuiltinESMExports()
  })
  // Whatever was left of a block that others have begun.
  while (blocks.length === 0) randomTraceId()
  const [first = Buffer.alloc(0)] = blocks
  const perBlock = first.byteLength / 24
  let ids = ''
  for (let i = 0; i < 100 * Math.floor(perBlock); i++) ids += randomTraceId() + randomSpanId()
  t.ok(first.byteLength >= 4096, 'a call of the generator is for many ids')
  t.ok(blocks.length <= 102, `${blocks.length} calls for ${ids.length / 24} ids`)
  let at = 16
  let block = 0
  for (let i = 0; i < ids.length; i += i % 48 === 0 ? 32 : 16) {
    const length = i % 48 === 0 ? 16 : 8
    if (at + length > first.byteLength) {
      block++
      at = 0
    }
    if (blocks[block]?.toString('hex', at, at + length) !== ids.slice(i, i + length * 2)) {
      t.fail(`the id at ${i} is not what comes next in its block`)
      break
    }
    at += length
  }
})
