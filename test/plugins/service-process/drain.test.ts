// The end of a real process, seen by a load balancer and by clients that hold their connections.
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { certificateFiles, makeAuthority } from '../../support/certificates.ts'
import { startService, type Run } from './support/service-run.ts'

const NEVER = '600000'

interface Serving extends Run {
  readonly url: string
  readonly port: number
  readonly isReady: () => Promise<boolean>
}

async function serve(t: Test, args: readonly string[], environment: Record<string, string> = {}): Promise<Serving> {
  const run = startService(args, environment)
  t.after(() => {
    run.child.kill('SIGKILL')
  })
  const { url } = await run.message('ready')
  const operations = await run.message('operations')
  return {
    ...run,
    url,
    port: Number(new URL(url).port),
    isReady: async () => (await fetch(`${operations.url}/health/ready`)).status === 200
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(5)
}

async function open(
  t: Test,
  port: number,
  sent = '',
  host = '127.0.0.1'
): Promise<{ socket: Socket; closed: Promise<void> }> {
  const socket = connect(port, host)
  t.after(() => {
    socket.destroy()
  })
  await once(socket, 'connect')
  const closed = new Promise<void>(resolve => {
    socket.once('close', () => {
      resolve()
    })
  })
  socket.on('error', () => {}).resume()
  if (sent !== '') socket.write(sent)
  return { socket, closed }
}

async function ask(url: string, agent: Agent): Promise<IncomingMessage & { body: string }> {
  const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage]
  return Object.assign(response, { body: await text(response) })
}

t.test('P2: SIGTERM fails readiness first, and for the delay everything is served with Connection: close', async t => {
  const { child, ended, url, isReady, port } = await serve(t, ['0', '', NEVER])
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => {
    agent.destroy()
  })
  t.match(await ask(url, agent), { statusCode: 200, headers: { connection: 'keep-alive' } })
  t.equal(await isReady(), true)
  child.kill('SIGTERM')
  await until(async () => !(await isReady()))
  t.match(
    await ask(url, agent),
    { statusCode: 200, headers: { connection: 'close' }, body: 'ok' },
    'on a connection kept from before'
  )
  t.match(await ask(`${url}/missing`, agent), { statusCode: 404, headers: { connection: 'close' } }, 'on a new one')
  const { socket: silent } = await open(t, port)
  t.equal(silent.destroyed, false)
  child.kill('SIGTERM')
  t.equal(await ended, '0', 'a second signal ends the delay')
  await t.rejects(open(t, port), { code: 'ECONNREFUSED' })
})

t.test('P2: a request that is under way when the listener closes is answered, and the process ends with 0', async t => {
  const { child, ended, url, message, output, port } = await serve(t, ['0', '', '0'])
  const slow = fetch(`${url}/slow`)
  await message('entered')
  const idle = await open(t, port)
  child.kill('SIGTERM')
  await idle.closed
  child.send('finish')
  const response = await slow
  t.equal(await response.text(), 'finished')
  t.equal(response.headers.get('connection'), 'close')
  t.equal(await ended, '0')
  t.match(output(), 'closed in order')
})

t.test('P2: connections that have sent nothing or half a head do not hold up the end', async t => {
  const { child, ended, output, port } = await serve(t, ['0', '', '0', NEVER])
  const sockets = await Promise.all(['', 'GET / HTTP/1.1\r\nHost: x', 'GET / HT'].map(sent => open(t, port, sent)))
  child.kill('SIGTERM')
  await Promise.all(sockets.map(({ closed }) => closed))
  t.equal(await ended, '0')
  t.match(output(), 'closed in order')
})

t.test('the same over TLS: half a handshake ends, a request under way is answered', async t => {
  const authority = await makeAuthority()
  const { caPath } = certificateFiles(t, await authority.issue({ names: ['localhost'] }))
  const { child, ended, message, port } = await serve(t, ['0', '', '0', NEVER], {
    TLS_FILES: caPath.replace(/\/[^/]*$/, '')
  })
  const tls = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  tls.write('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const answer = text(tls)
  await message('entered')
  const quiet = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(quiet, 'secureConnect')
  const half = await open(t, port, '\x16\x03\x01')
  child.kill('SIGTERM')
  await Promise.all([once(quiet.resume(), 'close'), half.closed])
  child.send('finish')
  t.match(await answer, /^HTTP\/1.1 200 OK[^]*connection: close[^]*finished$/i)
  t.equal(await ended, '0')
})

t.test('what still arrives while the listener closes is refused with Problem Details and Retry-After', async t => {
  const { child, ended, message, url, port } = await serve(t, ['0', 'late', '0', NEVER])
  child.kill('SIGTERM')
  await message('closing')
  const refused = await fetch(url)
  t.equal(refused.status, 503)
  t.match(Object.fromEntries(refused.headers), {
    'content-type': 'application/problem+json',
    'retry-after': /^\d+$/,
    'x-request-id': /^[0-9a-f-]{36}$/,
    connection: 'close'
  })
  t.strictSame(await refused.json(), {
    type: 'about:blank',
    title: 'The service is closing; send the request again',
    status: 503,
    code: 'SALLYPORT_PROCESS_CLOSING',
    requestId: refused.headers.get('x-request-id')
  })
  const head = await fetch(url, { method: 'HEAD' })
  t.equal(head.status, 503)
  await (
    await open(t, port)
  ).closed
  child.send('finish')
  t.equal(await ended, '0')
})

t.test(
  'requests that take longer than the limit are cut, everything is closed all the same, and the exit code says so',
  async t => {
    const { child, ended, message, url, output } = await serve(t, ['0', '', '0', '50'])
    const cut = t.rejects(fetch(`${url}/slow`))
    await message('entered')
    child.kill('SIGTERM')
    await cut
    t.equal(await ended, '1')
    t.match(output(), /cut requests that were under way[^]*closed in order/)
  }
)

t.test('on localhost the listener of the second address ends like that of the first', async t => {
  const { child, ended, message, port, output } = await serve(t, ['0', 'two-addresses', '0', NEVER])
  const quiet = await Promise.all(['', 'GET / HT'].map(sent => open(t, port, sent, '::1')))
  const kept = await open(t, port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', '::1')
  await once(kept.socket, 'data')
  const slow = await open(t, port, 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n', '::1')
  const answer = text(slow.socket)
  await message('entered')
  child.kill('SIGTERM')
  await Promise.all([kept, ...quiet].map(({ closed }) => closed))
  await until(
    async () =>
      await open(t, port, '', '::1').then(
        () => false,
        () => true
      )
  )
  t.notMatch(output(), 'closed in order', 'what the app works with stays while a request is under way')
  child.send('finish')
  t.match(await answer, /^HTTP\/1.1 200 OK[^]*connection: close[^]*finished$/i)
  t.equal(await ended, '0')
})
