import { once } from 'node:events'
import { type Duplex, duplexPair } from 'node:stream'
import t from 'tap'
import type { EndOfSocket } from '../../../../plugins/forwarding/src/web-socket/close-frames.ts'
import { CLOSING_MS, SocketTunnel } from '../../../../plugins/forwarding/src/web-socket/socket-tunnel.ts'
import { until } from '../../../support/edge.ts'
import { closeStatusOf, frameBytes } from '../../../support/forwarding/frames.ts'

/** A clock with timers that a test moves. */
function movedTimers() {
  const timers = new Set<{ readonly atMs: number; readonly run: () => void }>()
  let nowMs = 0
  return {
    clock: () => nowMs,
    startTimer: (run: () => void, delayMs: number) => {
      const timer = { atMs: nowMs + delayMs, run }
      timers.add(timer)
      return { stop: () => timers.delete(timer) }
    },
    running: () => timers.size,
    move(ms: number) {
      nowMs += ms
      for (const timer of [...timers]) {
        if (timer.atMs > nowMs || !timers.delete(timer)) continue
        timer.run()
      }
    }
  }
}

/** Everything that comes out of one end. */
function collected(end: Duplex): () => Buffer {
  const chunks: Buffer[] = []
  end.on('error', () => {}).on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks)
}

/** A tunnel between two ends that a test writes to. */
function joinEnds({
  totalMs = null,
  pairs: [[client, clientEnd], [service, serviceEnd]] = [duplexPair(), duplexPair()]
}: { readonly totalMs?: number | null; readonly pairs?: readonly [[Duplex, Duplex], [Duplex, Duplex]] } = {}) {
  const timers = movedTimers()
  const reasons: EndOfSocket[] = []
  const tunnel = new SocketTunnel({
    client,
    service,
    idleMs: 1000,
    totalMs,
    clock: timers.clock,
    startTimer: timers.startTimer,
    ended: (_tunnel, reason) => reasons.push(reason)
  })
  return { tunnel, client, service, clientEnd, serviceEnd, timers, reasons }
}

const PING = frameBytes({ opcode: 9, payload: Buffer.from('?') })

t.test('a Close frame of the gateway comes between two frames, however they are cut', async t => {
  const { tunnel, clientEnd, serviceEnd, reasons } = joinEnds()
  const atClient = collected(clientEnd)
  const atService = collected(serviceEnd)
  const long = frameBytes({ isFinal: false, payload: Buffer.alloc(200_000, 'a') })
  serviceEnd.write(long.subarray(0, 70_000))
  await until(() => atClient().length === 70_000)
  tunnel.end('access-revoked')
  tunnel.end('idle')
  t.equal(atClient().length, 70_000, 'in the middle of a frame it says nothing')
  serviceEnd.write(Buffer.concat([long.subarray(70_000), frameBytes({ opcode: 0, payload: Buffer.from('more') })]))
  await until(() => clientEnd.readableEnded)
  t.same(atClient().subarray(0, long.length), long)
  t.same(closeStatusOf(atClient().subarray(long.length)), [4401, 'access ended'], 'the rest of the message is gone')
  await until(() => atService().length > 0)
  const [first, second] = atService()
  t.equal(first, 0x88)
  t.ok((second ?? 0) & 0x80, 'what the service gets is masked')
  clientEnd.end()
  serviceEnd.end()
  await until(() => reasons.length === 1)
  t.same(reasons, ['access-revoked'])
})

t.test('a frame that does not end is cut after a while', async t => {
  const { tunnel, client, clientEnd, serviceEnd, timers, reasons } = joinEnds()
  const atClient = collected(clientEnd)
  const long = frameBytes({ payload: Buffer.alloc(1000) })
  serviceEnd.write(long.subarray(0, 500))
  await until(() => atClient().length === 500)
  tunnel.end('session-ended')
  timers.move(CLOSING_MS - 1)
  t.notOk(client.destroyed)
  timers.move(1)
  await until(() => reasons.length === 1)
  t.ok(client.destroyed)
  t.equal(atClient().length, 500)
  t.equal(timers.running(), 0)
})

t.test('a client that does not read does not keep it open', async t => {
  const { tunnel, service, serviceEnd, timers, reasons } = joinEnds()
  const bytes = frameBytes({ payload: Buffer.alloc(1_000_000) })
  serviceEnd.write(bytes)
  await until(() => service.isPaused())
  tunnel.end('access-expired')
  timers.move(CLOSING_MS)
  await until(() => reasons.length === 1)
  t.same(reasons, ['access-expired'])
})

t.test('it ends when nothing comes for too long, and when its time is over', async t => {
  const idle = joinEnds()
  const atClient = collected(idle.clientEnd)
  idle.timers.move(999)
  idle.serviceEnd.write(PING)
  await until(() => atClient().length === PING.length)
  idle.timers.move(999)
  t.notOk(idle.client.writableEnded, 'a ping counts')
  idle.timers.move(1)
  await until(() => idle.clientEnd.readableEnded)
  t.same(closeStatusOf(atClient().subarray(PING.length)), [1001, 'idle'])

  const busy = joinEnds({ totalMs: 1500 })
  const seen = collected(busy.clientEnd)
  busy.timers.move(900)
  busy.serviceEnd.write(PING)
  await until(() => seen().length === PING.length)
  busy.timers.move(600)
  await until(() => busy.clientEnd.readableEnded)
  t.same(closeStatusOf(seen().subarray(PING.length)), [1001, 'time over'])
})

t.test('what is no frame ends it, with a Close frame where one can stand', async t => {
  const fromClient = joinEnds()
  const told = collected(fromClient.clientEnd)
  fromClient.serviceEnd.resume()
  fromClient.clientEnd.write(frameBytes({ payload: Buffer.from('no mask') }))
  await until(() => fromClient.clientEnd.readableEnded)
  t.same(closeStatusOf(told()), [1002, 'protocol error'])

  const fromService = joinEnds()
  const seen = collected(fromService.clientEnd)
  const masked = frameBytes({ payload: Buffer.from('masked'), isMasked: true })
  fromService.serviceEnd.write(Buffer.concat([PING, masked]))
  await until(() => fromService.clientEnd.readableEnded)
  t.same(seen().subarray(0, PING.length), PING, 'what came before it has passed')
  t.same(closeStatusOf(seen().subarray(PING.length)), [1002, 'protocol error'])

  const inParts = joinEnds()
  const parts = collected(inParts.clientEnd)
  inParts.serviceEnd.write(masked.subarray(0, 1))
  await until(() => parts().length === 1)
  inParts.serviceEnd.write(masked.subarray(1))
  await until(() => inParts.clientEnd.readableEnded)
  t.equal(parts().length, 1, 'a frame has begun: nothing can be said')
})

t.test('a side that is gone without a word is not waited for', async t => {
  const withoutService = joinEnds()
  const told = collected(withoutService.clientEnd)
  withoutService.serviceEnd.resume().end()
  await until(() => withoutService.clientEnd.readableEnded)
  t.same(closeStatusOf(told()), [1011, 'service lost'])
  withoutService.clientEnd.end()
  await until(() => withoutService.reasons.length === 1)
  t.same(withoutService.reasons, ['service-left'])

  const withoutClient = joinEnds()
  const atService = collected(withoutClient.serviceEnd)
  withoutClient.clientEnd.resume().end()
  await until(() => withoutClient.serviceEnd.readableEnded)
  t.equal(atService()[0], 0x88)
  withoutClient.serviceEnd.end()
  await until(() => withoutClient.reasons.length === 1)
  t.same(withoutClient.reasons, ['client-left'])

  const broken = joinEnds()
  broken.clientEnd.resume()
  broken.serviceEnd.resume()
  broken.client.destroy(new Error('reset'))
  broken.client.on('error', () => {})
  await until(() => broken.serviceEnd.readableEnded)
  broken.serviceEnd.end()
  await until(() => broken.reasons.length === 1)
  t.same(broken.reasons, ['client-left'])
})

t.test('after the Close frame of one side nothing is added', async t => {
  const { tunnel, clientEnd, serviceEnd, reasons } = joinEnds()
  const atClient = collected(clientEnd)
  serviceEnd.resume()
  const close = frameBytes({ opcode: 8, payload: Buffer.from([3, 232]) })
  serviceEnd.write(close)
  await until(() => atClient().length === close.length)
  tunnel.end('gateway-closes')
  clientEnd.end()
  serviceEnd.end()
  await until(() => reasons.length === 1)
  t.same(atClient(), close)
})

t.test('a side that is gone before the two are joined ends it as one that goes later', async t => {
  const gonePair = async (): Promise<[Duplex, Duplex]> => {
    const pair = duplexPair()
    await once(pair[0].destroy(), 'close')
    return pair
  }
  const lost = joinEnds({ pairs: [duplexPair(), await gonePair()] })
  const atClient = collected(lost.clientEnd)
  await until(() => lost.clientEnd.readableEnded)
  t.same(closeStatusOf(atClient()), [1011, 'service lost'])
  lost.clientEnd.end()
  lost.timers.move(CLOSING_MS)
  await until(() => lost.reasons.length === 1)
  t.same(lost.reasons, ['service-left'])

  const left = joinEnds({ pairs: [await gonePair(), duplexPair()] })
  const atService = collected(left.serviceEnd)
  await until(() => left.serviceEnd.readableEnded)
  t.equal(atService()[0], 0x88)
  left.serviceEnd.end()
  left.timers.move(CLOSING_MS)
  await until(() => left.reasons.length === 1)
  t.same([left.reasons, left.timers.running()], [['client-left'], 0])
})
