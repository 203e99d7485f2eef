import Fastify from 'fastify'
import t from 'tap'
import securityContext, { currentPrincipal, currentRequest, type Principal } from '@sallyport/security-context'

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

t.test('a slot that the app decorated itself is left alone', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('principal', null)
  await app.register(securityContext)
  app.get('/', async request => String(request.principal))
  t.equal((await app.inject('/')).body, 'null')
})
