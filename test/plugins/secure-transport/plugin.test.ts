import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import secureTransport, {
  createPeerAgent,
  errors,
  refuseInsecureRuntime,
  serverLimits,
  serverOptions,
  serverTls
} from '@sallyport/secure-transport'
import securityContext, { type SecurityEvent } from '@sallyport/security-context'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { makeAuthority } from '../../support/certificates.ts'
import { errorsTableEquals } from '../../support/errors-table.ts'

async function listen(
  t: Test,
  options: object = {}
): Promise<{ app: FastifyInstance; port: number; events: SecurityEvent[]; reached: string[] }> {
  const app = Fastify({ ...serverOptions(null, { requireHostHeader: false }), forceCloseConnections: true })
  const events: SecurityEvent[] = []
  const reached: string[] = []
  await app.register(securityContext)
  await app.register(secureTransport, options)
  app.addHook('onResponse', async request => {
    events.push(...request.securityEvents)
  })
  app.get('/hidden', async ({ url }) => {
    reached.push(url)
    return 'hidden'
  })
  app.post('/', async () => 'ok')
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(async () => app.close())
  return { app, port: (app.server.address() as AddressInfo).port, events, reached }
}

/** Sends bytes and returns everything that came back. */
async function exchange(port: number, lines: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket
    .on('data', chunk => {
      received += chunk.toString()
    })
    .on('error', () => {})
  socket.write([...lines, '', ''].join('\r\n'))
  await once(socket, 'close')
  return received
}

const HEAD = ['POST / HTTP/1.1', 'Connection: close']

t.test('a request with each header once passes', async t => {
  const { port, events } = await listen(t)
  t.match(
    await exchange(port, [
      ...HEAD,
      'Host: a',
      'Authorization: Bearer x',
      'Content-Length: 0',
      'Cookie: a=b',
      'Accept: a',
      'Accept: b'
    ]),
    /^HTTP\/1.1 200 /
  )
  t.same(events, [])
})

t.test(
  'G-05: two Authorization, Host, Content-Type or Cookie headers are refused with 400 in any spelling',
  async t => {
    for (const header of ['authorization', 'host', 'content-type', 'cookie']) {
      const { port, events } = await listen(t)
      const lines = [
        ...HEAD,
        ...(header === 'host' ? [] : ['Host: a']),
        `${header}: text/plain`,
        `${header.toUpperCase()}: text/plain`,
        'Content-Length: 0'
      ]
      const answer = await exchange(port, lines)
      t.match(answer, /^HTTP\/1.1 400 [^]*SALLYPORT_TRANSPORT_HEADER_DUPLICATE/, header)
      t.same(events, [{ stage: 'hygiene', outcome: 'denied', reason: 'duplicate-header', detail: { header } }])
    }
  }
)

t.test('G-05: two Content-Length headers are refused with 400', async t => {
  const { port } = await listen(t)
  t.match(await exchange(port, [...HEAD, 'Host: a', 'Content-Length: 0', 'Content-Length: 0']), /^HTTP\/1.1 400 /)
})

t.test(
  'G-06: a bare app refuses framing with two readings, no host and an unknown expectation, and closes',
  async t => {
    for (const [reason, status, lines] of [
      ['framing-refused', 400, ['Host: a', 'Transfer-Encoding: gzip, chunked']],
      ['framing-refused', 400, ['Host: a', 'Transfer-Encoding: identity, chunked']],
      ['host-missing', 400, ['Content-Length: 0']],
      ['expectation-refused', 417, ['Host: a', 'Content-Length: 0', 'Expect: 101-switching']]
    ] as const) {
      const { port, events, reached } = await listen(t)
      // Behind it, and parsed with it: whoever saw another end of the first would have taken it for its body.
      const hidden = ['GET /hidden HTTP/1.1', 'Host: a', '', '']
      const chunked = lines.some(line => line.startsWith('Transfer-Encoding'))
      const answer = await exchange(port, ['POST / HTTP/1.1', ...lines, '', ...(chunked ? ['0', ''] : []), ...hidden])
      t.same(answer.match(/^HTTP\/1.1 \d+/gm), [`HTTP/1.1 ${status}`], reason)
      t.match(answer, /^connection: close\r$/im, reason)
      t.equal(events[0]?.reason, reason)
      t.same(reached, [], 'what was sent behind it reached no route')
    }
  }
)

t.test('G-07: more header lines than allowed are refused with 431, and so is a head over the size', async t => {
  const { port, events } = await listen(t, { maxHeaderCount: 10 })
  const many = Array.from({ length: 8 }, (_, index) => `X-${index}: 1`)
  t.match(await exchange(port, [...HEAD, 'Host: a', ...many]), /^HTTP\/1.1 200 /)
  t.match(
    await exchange(port, [...HEAD, 'Host: a', ...many, 'Y: 1']),
    /^HTTP\/1.1 431 [^]*SALLYPORT_TRANSPORT_HEADERS_TOO_MANY/
  )
  t.same(events, [{ stage: 'hygiene', outcome: 'denied', reason: 'too-many-headers', detail: { count: 11 } }])
  t.match(await exchange(port, [...HEAD, 'Host: a', `X: ${'x'.repeat(serverLimits.maxHeaderSize)}`]), /^HTTP\/1.1 431 /)
})

t.test('G-09: the limits against slow requests are in force on the server', async t => {
  const { app } = await listen(t)
  const { requestTimeout, headersTimeout, keepAliveTimeout } = app.server
  t.same(
    { requestTimeout, headersTimeout, keepAliveTimeout },
    { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 65_000 }
  )
})

t.test('G-09: headers that do not end are cut', async t => {
  const app = Fastify({
    ...serverOptions(null, { headersTimeout: 50, connectionsCheckingInterval: 10 }),
    forceCloseConnections: true
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(async () => app.close())
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  let received = ''
  socket
    .on('data', chunk => {
      received += chunk.toString()
    })
    .write('GET / HTTP/1.1\r\nHost: a\r\n')
  await once(socket, 'close')
  t.match(received, /^HTTP\/1.1 408 /)
})

t.test('G-09: a body that does not end is cut', async t => {
  const limits = { requestTimeout: 50, headersTimeout: 40, connectionsCheckingInterval: 10 }
  const app = Fastify({ ...serverOptions(null, limits), forceCloseConnections: true })
  app.post('/', async () => 'all of it came')
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(async () => app.close())
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  let received = ''
  socket.on('data', chunk => {
    received += chunk.toString()
  })
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nhalf')
  await once(socket, 'close')
  t.match(received, /^HTTP\/1.1 408 /)
})

t.test('Strict-Transport-Security is on responses over TLS only, whatever a forwarded header says', async t => {
  const authority = await makeAuthority()
  const issued = await authority.issue({ names: ['localhost'] })
  const app = Fastify({ ...serverOptions(serverTls(issued)), forceCloseConnections: true })
  await app.register(securityContext)
  await app.register(secureTransport)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const agent = createPeerAgent({ ca: authority.certificate, addresses: { localhost: '127.0.0.1' } })
  t.after(async () => {
    await agent.close()
    await app.close()
  })
  const { headers } = await agent.request({
    origin: `https://localhost:${(app.server.address() as AddressInfo).port}`,
    path: '/missing',
    method: 'GET'
  })
  t.equal(headers['strict-transport-security'], 'max-age=31536000')

  const plain = Fastify({ trustProxy: true })
  await plain.register(securityContext)
  await plain.register(secureTransport)
  const response = await plain.inject({ url: '/', headers: { 'x-forwarded-proto': 'https' } })
  t.equal(response.headers['strict-transport-security'], undefined)
})

t.test('it works in a bare app that has its own slots', async t => {
  const app = Fastify()
  app.decorateRequest('principal', null)
  app.decorateRequest('securityEvents')
  app.addHook('onRequest', async request => {
    request.securityEvents = []
  })
  await app.register(secureTransport)
  app.get('/', async () => 'ok')
  t.equal((await app.inject('/')).statusCode, 200)
})

t.test('without the slot for security events the boot fails', async t => {
  await t.rejects(
    async () => {
      await Fastify().register(secureTransport)
    },
    { code: 'FST_ERR_PLUGIN_NOT_PRESENT_IN_INSTANCE' }
  )
})

t.test('T-02, P1: a process whose TLS verification or HTTP parsing is weakened does not run', async t => {
  const code = 'SALLYPORT_TRANSPORT_RUNTIME_INSECURE'
  t.doesNotThrow(() =>
    refuseInsecureRuntime(
      { NODE_OPTIONS: '--max-old-space-size=100 --conditions=x', NODE_TLS_REJECT_UNAUTHORIZED: '1' },
      ['--conditions=x']
    )
  )
  t.throws(() => refuseInsecureRuntime({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, []), {
    code,
    message: /NODE_TLS_REJECT_UNAUTHORIZED=0/
  })
  for (const flag of [
    '--insecure-http-parser',
    '--insecure_http_parser',
    '--tls-min-v1.0',
    '--tls-min-v1.1',
    '--tls-keylog=/tmp/keys',
    '--security-revert=CVE-2023-46809'
  ]) {
    t.throws(() => refuseInsecureRuntime({}, [flag]), { code }, flag)
    t.throws(
      () => refuseInsecureRuntime({ NODE_OPTIONS: `--max-old-space-size=100 ${flag}` }, []),
      { code, message: /in NODE_OPTIONS/ },
      `NODE_OPTIONS ${flag}`
    )
  }
  t.throws(
    () => refuseInsecureRuntime({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, ['--tls-min-v1.0']),
    { message: /REJECT_UNAUTHORIZED=0 .*; --tls-min-v1.0/ },
    'all at once'
  )
})

t.test('the README lists every error', async t => {
  errorsTableEquals(t, 'plugins/secure-transport/README.md', errors)
})
