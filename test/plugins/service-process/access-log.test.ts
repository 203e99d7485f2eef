import securityContext, { problemDetails, recordSecurityEvent } from '@sallyport/security-context'
import {
  instanceOptions,
  nameTransaction,
  startTracing,
  type LoggedAddresses,
  type Tracing
} from '@sallyport/service-process'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'

type Line = Record<string, unknown>

async function loggedApp(
  t: Test,
  { level = 'info', tracing, logAddresses }: { level?: string; tracing?: Tracing; logAddresses?: LoggedAddresses } = {}
): Promise<{ app: FastifyInstance; lines: Line[] }> {
  const lines: Line[] = []
  const options = instanceOptions({
    name: 'test',
    settings: { logLevel: level, trustedProxies: ['192.0.2.1'], ...(logAddresses && { logAddresses }) },
    tracing,
    requestIds: 'own'
  })
  const app = Fastify({
    ...options,
    logger: { ...Object(options.logger), stream: { write: (line: string) => lines.push(JSON.parse(line)) } }
  })
  if (tracing !== undefined) await app.register(tracing.plugin)
  await app.register(securityContext, { txn: () => null, ...(tracing && { traceId: tracing.traceId }) })
  await app.register(nameTransaction)
  app.get('/orders/:orderId', async request => ({ txn: request.txn, traceId: request.traceId, id: request.id }))
  app.get('/at-work', async request => {
    request.log.info('at work')
    request.log.child({ part: 'two' }).warn({ count: 2 }, 'still at %s', 'work')
    return {}
  })
  app.get('/quiet', { logLevel: 'warn' }, async request => {
    request.log.info('not to be seen')
    request.log.warn('to be seen')
    return {}
  })
  t.after(() => app.close())
  return { app, lines }
}

t.test('a request is one line, with who, where, how it ended, how long it took and every id', async t => {
  const { app, lines } = await loggedApp(t, { tracing: startTracing({ serviceName: 'test' }) })
  const answer = await app.inject({
    url: '/orders/1?code=abcdefgh&view=all',
    headers: { 'x-request-id': 'of the caller' }
  })
  const { txn, traceId, id } = answer.json<Record<string, string>>()
  t.equal(lines.length, 1)
  t.match(lines[0], {
    level: 'info',
    reqId: id,
    txn,
    trace_id: traceId,
    span_id: /^[0-9a-f]{16}$/,
    method: 'GET',
    url: '/orders/1?code=[redacted]&view=all',
    route: '/orders/:orderId',
    remoteAddress: '127.0.0.0/24',
    subject: null,
    clientId: null,
    clientRequestId: 'of?the?caller',
    decision: 'allowed',
    status: 200,
    durationMs: Number,
    msg: 'request completed'
  })
})

t.test('the lines that code writes have the ids too, and so have those of a child', async t => {
  const { app, lines } = await loggedApp(t)
  await app.inject('/at-work')
  const { reqId, txn } = lines.at(-1) ?? {}
  t.match(lines, [
    { msg: 'at work', reqId, txn },
    { msg: 'still at work', level: 'warn', count: 2, part: 'two', reqId, txn },
    { msg: 'request completed', reqId, txn }
  ])
  t.equal(lines.length, 3)
})

t.test('a route with a level of its own writes no less and no more', async t => {
  const { app, lines } = await loggedApp(t)
  await app.inject('/quiet')
  t.strictSame(
    lines.map(({ msg }) => msg),
    ['to be seen']
  )
})

t.test('below its level the log of a request makes no line and no logger', async t => {
  const { app, lines } = await loggedApp(t, { level: 'silent' })
  await app.inject('/at-work')
  t.strictSame(lines, [])
})

t.test('a client that leaves before the answer is one line too', async t => {
  const { app, lines } = await loggedApp(t)
  const entered = Promise.withResolvers<void>()
  const left = Promise.withResolvers<void>()
  app.addHook('onRequestAbort', (_request, done) => {
    left.resolve()
    done()
  })
  app.get('/slow', async () => {
    entered.resolve()
    await left.promise
    return {}
  })
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  const leaving = new AbortController()
  const answer = fetch(`${origin}/slow`, { signal: leaving.signal })
  await entered.promise
  leaving.abort()
  await t.rejects(answer)
  await left.promise
  t.match(
    lines.filter(({ url }) => url === '/slow'),
    [{ msg: 'request aborted', route: '/slow', method: 'GET' }]
  )
})

t.test('the line says which stage refused a request and why; what went on all the same was allowed', async t => {
  const { app, lines } = await loggedApp(t)
  await app.register(problemDetails)
  app.get('/refused', async request => {
    recordSecurityEvent(request, { stage: 'authentication', outcome: 'success', reason: 'authenticated' })
    recordSecurityEvent(request, { stage: 'authorization', outcome: 'denied', reason: 'role-missing' })
    throw Object.assign(new Error('no'), { statusCode: 403 })
  })
  app.get('/survives', async request => {
    recordSecurityEvent(request, { stage: 'session', outcome: 'failure', reason: 'refresh-unavailable' })
    return {}
  })
  for (const url of ['/refused', '/survives', '/missing']) await app.inject(url)
  t.match(
    lines.filter(({ msg }) => msg === 'request completed'),
    [
      { decision: 'denied', decidedBy: 'authorization', reason: 'role-missing', status: 403 },
      { decision: 'allowed', status: 200 },
      { decision: 'allowed', status: 404 }
    ]
  )
})

t.test('no line tells who calls by an address: it has the network, nothing or all, as the process is set', async t => {
  for (const [logAddresses, four, six] of [
    [undefined, '198.51.100.0/24', '2001:db8:1::/48'],
    ['network', '198.51.100.0/24', '2001:db8:1::/48'],
    ['none', undefined, undefined],
    ['full', '198.51.100.77', '2001:db8:1:2::3']
  ] as const) {
    const { app, lines } = await loggedApp(t, logAddresses === undefined ? {} : { logAddresses })
    app.get('/tells', async request => {
      request.log.warn({ req: request }, 'as Fastify logs a request')
      request.log.child({ part: 'two' }).warn({ remoteAddress: request.ip }, 'a line of a plugin')
      return {}
    })
    for (const [address, logged] of [
      ['198.51.100.77', four],
      ['2001:db8:1:2::3', six]
    ] as const) {
      lines.length = 0
      await app.inject({ url: '/tells', headers: { 'x-forwarded-for': address }, remoteAddress: '192.0.2.1' })
      const told = lines.map(({ req, remoteAddress }) =>
        req === undefined ? remoteAddress : Object(req).remoteAddress
      )
      t.strictSame(told, [logged, logged, logged], `${logAddresses}: ${address}`)
    }
  }
})

t.test('what a browser is, what proxies forward and whom somebody looks for is in no line', async t => {
  const { app, lines } = await loggedApp(t, { logAddresses: 'full' })
  app.get('/audit/personal', async request => {
    request.log.info({ headers: request.headers }, 'all headers')
    return {}
  })
  const asked = ['name=ada-canary', 'sourceAddress=203.0.113.9', 'n%61me=ada-canary', 'source_address=203.0.113.9']
  for (const query of asked) {
    await app.inject({
      url: `/audit/personal?${query}&limit=5`,
      headers: { 'user-agent': 'canary-agent', 'x-real-ip': '203.0.113.9', forwarded: 'for=203.0.113.9' }
    })
  }
  const text = JSON.stringify(lines)
  t.equal(lines.length, 2 * asked.length)
  t.match(text, /limit=5/)
  t.notMatch(text, /canary|203\.0\.113\.9/)
})
