import t from 'tap'
import { readBody } from '@sallyport/security-context/mechanics'

const never = new AbortController().signal

/** Chunks in turn; `state.cancelled` tells whether the reader left before the end. */
function chunks(parts: ReadonlyArray<string | Buffer>) {
  const state = { cancelled: true, read: 0 }
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const part of parts) {
      state.read++
      yield Buffer.from(part)
    }
    state.cancelled = false
  }
  return { body: body(), state }
}

t.test('a body up to the limit is read whole, over the borders of its chunks', async t => {
  const { body, state } = chunks(['a', Buffer.from([0xc3]), Buffer.from([0xbc]), 'bc'])
  t.equal((await readBody(body, 5, never)).toString(), 'aübc')
  t.notOk(state.cancelled)
  t.equal((await readBody(null, 0, never)).length, 0)
})

t.test('a body past the limit is refused as soon as it is past, and cancelled', async t => {
  const { body, state } = chunks(['abc', 'def', 'ghi', 'jkl'])
  await t.rejects(readBody(body, 5, never), { code: 'ERR_BODY_TOO_LARGE', message: 'The body is larger than 5 bytes' })
  t.ok(state.cancelled)
  t.equal(state.read, 2)
})

t.test('a body that stops coming is given up at the deadline, with the reason of the signal', async t => {
  const deadline = new AbortController()
  const { promise: started, resolve: start } = Promise.withResolvers<void>()
  async function* silent(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a')
    start()
    await new Promise(() => {})
  }
  const reading = readBody(silent(), 100, deadline.signal)
  await started
  deadline.abort(new DOMException('late', 'TimeoutError'))
  await t.rejects(reading, { name: 'TimeoutError' })
})

t.test('nothing is read once the deadline has passed', async t => {
  const { body, state } = chunks(['a'])
  await t.rejects(readBody(body, 100, AbortSignal.abort(new Error('late'))), { message: 'late' })
  t.equal(state.read, 0)
})

t.test('the failure of a body is the failure of its reader', async t => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    throw new Error('connection lost')
  }
  await t.rejects(readBody(broken(), 100, never), { message: 'connection lost' })
})
