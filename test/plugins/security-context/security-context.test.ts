import Fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { Client } from 'undici'
import securityContext, {
  beginWait,
  countWait,
  currentPrincipal,
  currentRequest,
  endWait,
  spentTimesOf,
  type Principal
} from '@sallyport/security-context'

const principalOf = (subject: string): Principal => ({
  issuer: null,
  subject,
  clientId: null,
  roles: [],
  scopes: [],
  audience: null,
  sessionId: null,
  tokenId: null,
  actor: null,
  issuedAtSeconds: null,
  expiresAtSeconds: null,
  claims: {}
})

t.test('a bare app gets empty slots, and each request its own events', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  app.get('/', async request => {
    request.securityEvents.push({ stage: 'authentication', outcome: 'success', reason: 'test' })
    return {
      principal: request.principal,
      accessToken: request.accessToken,
      events: request.securityEvents.length,
      traceId: request.traceId
    }
  })
  const first = (await app.inject('/')).json()
  const second = (await app.inject('/')).json()
  t.match(first, { principal: null, accessToken: null, events: 1, traceId: /^[0-9a-f]{32}$/ })
  t.equal(second.events, 1)
  t.not(first.traceId, second.traceId)
})

t.test('a caller that an authentication of somebody else knows without claims begins a transaction', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  app.addHook('onRequest', async request => {
    Object.assign(request, { principal: { subject: 'alice', clientId: null } })
  })
  app.get('/', async ({ txn }) => txn)
  t.match((await app.inject('/')).body, /^[0-9a-f]{8}-/)
})

t.test('the trace id of a well-formed traceparent is taken over, any other is replaced', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  app.get('/', async request => request.traceId)
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const ask = async (traceparent: string): Promise<string> =>
    (await app.inject({ url: '/', headers: { traceparent } })).body
  t.equal(await ask(`00-${traceId}-b7ad6b7169203331-01`), traceId)
  t.not(await ask(`00-${'0'.repeat(32)}-b7ad6b7169203331-01`), '0'.repeat(32))
  t.match(await ask('../../etc/passwd'), /^[0-9a-f]{32}$/)
})

// Before any app of this process asks for it.
t.test('code that looks for its request where nobody follows requests is told so', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  app.get('/', async () => ({ subject: currentPrincipal()?.subject }))
  t.throws(currentRequest, { code: 'SALLYPORT_CONTEXT_NOT_FOLLOWED' })
  t.match((await app.inject('/')).json(), { statusCode: 500, code: 'SALLYPORT_CONTEXT_NOT_FOLLOWED' })
})

t.test('deep code finds the principal of its own request when many interleave', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext, { followRequests: true })
  let arrived = 0
  let open: () => void = () => {}
  const gate = new Promise<void>(resolve => {
    open = resolve
  })
  app.get('/:subject', async request => {
    const { subject } = request.params as { subject: string }
    request.principal = principalOf(subject)
    if (++arrived === 50) open()
    await gate
    return { deep: currentPrincipal()?.subject, id: currentRequest()?.id === request.id }
  })
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => app.inject(`/user-${n}`)))
  t.strictSame(
    answers.map(answer => answer.json()),
    Array.from({ length: 50 }, (_, n) => ({ deep: `user-${n}`, id: true }))
  )
  t.equal(currentPrincipal(), null, 'outside a request there is none')
})

t.test('a handler behind a body finds its own request, whoever opened the connection', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext, { followRequests: true })
  app.addHook('onRequest', async request => {
    request.principal = principalOf(request.url)
  })
  app.post('/*', async () => ({ subject: currentPrincipal()?.subject ?? null }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = new Client(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
  t.teardown(() => client.destroy())
  for (const path of ['/first', '/second', '/third']) {
    const { body } = await client.request({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'x'.repeat(300_000) })
    })
    t.strictSame(await body.json(), { subject: path })
  }
})

t.test('waits of a request that overlap count once, and one that has not ended counts until now', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  app.get('/', async request => {
    t.same(spentTimesOf(request), {})
    const startMs = performance.now()
    beginWait(request, 'database')
    beginWait(request, 'database')
    await countWait(request, 'token', async () => {
      await new Promise(setImmediate)
    })
    endWait(request, 'database')
    endWait(request, 'database')
    // More ends than beginnings: a stream that is given up and ends later.
    endWait(request, 'database')
    const { databaseMs = -1, tokenMs = -1, ...others } = spentTimesOf(request)
    t.same(others, {})
    t.ok(tokenMs > 0 && databaseMs >= tokenMs, `${tokenMs} of ${databaseMs}`)
    t.ok(databaseMs <= performance.now() - startMs + 0.001)
    await t.rejects(
      countWait(request, 'upstream', async () => await Promise.reject(new Error('down'))),
      /down/
    )
    const { upstreamMs } = spentTimesOf(request)
    await new Promise(setImmediate)
    t.equal(spentTimesOf(request).upstreamMs, upstreamMs, 'what has failed is over')
    beginWait(request, 'upstream')
    await new Promise(setImmediate)
    t.ok((spentTimesOf(request).upstreamMs ?? 0) > (upstreamMs ?? 0))
    return {}
  })
  t.equal((await app.inject('/')).statusCode, 200)
})

t.test('a slot that the app decorated itself is left alone', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('principal', null)
  await app.register(securityContext)
  app.get('/', async request => String(request.principal))
  t.equal((await app.inject('/')).body, 'null')
})
