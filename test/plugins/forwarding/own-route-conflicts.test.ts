import Fastify from 'fastify'
import forwarding from '@sallyport/forwarding'
import securityContext, { routesOfApp } from '@sallyport/security-context'
import t, { type Test } from 'tap'
import { plainRoute, startPlainService } from './support/table-app.ts'

/** Table path, own path, and a path that both would take, `null` for none. */
const PAIRS = [
  ['/sessions/me', '/sessions/:id', '/sessions/me'],
  ['/sessions/:id', '/sessions/me', '/sessions/me'],
  ['/sessions/*', '/sessions/me', '/sessions/me'],
  ['/sessions/*', '/sessions', '/sessions'],
  ['/sessions/*', '/sessions/:id/items', '/sessions/1/items'],
  ['/sessions/:id/items', '/sessions/*', '/sessions/1/items'],
  ['/sessions/me', '/sessions/*', '/sessions/me'],
  ['/sessions/me', '/sessions*', '/sessions/me'],
  ['/sessions/:id', '/:any/me', '/sessions/me'],
  ['/sessions/:id', '/sessions/', '/sessions/'],
  ['/files/a-1', '/files/a-:number', '/files/a-1'],
  ['/files/:name', '/files/a-:number', '/files/a-1'],
  ['/files/*', '/files/:name.png', '/files/a.png'],
  ['/sessions', '/sessions/:id', null],
  ['/sessions', '/sessions/*', null],
  ['/sessions/me', '/sessions/you', null],
  ['/sessions/:id', '/sessions', null],
  ['/sessions/:id', '/sessions/:id/items', null],
  ['/sessions/me/*', '/sessions/:id', '/sessions/me'],
  ['/sessions2/*', '/sessions/:id', null],
  ['/files/a', '/files/a-:number', null],
  ['/orders/*', '/', null],
  ['/*', '/sessions/:id', null]
] as const

async function bootBeside(t: Test, path: string, own: string, method: 'GET' | 'POST' = 'GET'): Promise<string> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(securityContext)
  app.route({ method, url: own, handler: async () => 'own' })
  await app.register(forwarding, {
    upstreams: { service: { origin: 'http://127.0.0.1:1' } },
    routes: [plainRoute({ access: 'public', path, methods: ['GET'] })]
  })
  await app.ready()
  return (await app.inject('/')).body
}

t.test('a route of the table that shares requests with one of the app does not boot, whichever is wider', async t => {
  for (const [path, own, shared] of PAIRS) {
    const booted = bootBeside(t, path, own)
    if (shared === null) {
      await t.resolves(booted, `${path} beside ${own}`)
      continue
    }
    await t.rejects(booted, {
      code: 'SALLYPORT_FORWARDING_OPTIONS_INVALID',
      message: `routes.0: GET, HEAD ${own} is a route of the app itself, and takes requests of ${path}`
    })
    const app = Fastify()
    app.get(own, async () => 'own')
    t.equal((await app.inject(shared)).body, 'own', `${own} really takes ${shared}`)
  }
})

t.test('routes of different methods share nothing, and a table that comes later is held to the same', async t => {
  await t.resolves(bootBeside(t, '/sessions/me', '/sessions/:id', 'POST'))
  const service = await startPlainService(t)
  const app = Fastify()
  t.after(() => app.close())
  await app.register(securityContext)
  app.get('/sessions/:id', async () => 'own')
  const upstreams = { service: { origin: service.origin } }
  await app.register(forwarding, { upstreams, routes: [plainRoute({ access: 'public' })] })
  await app.ready()
  t.same(
    routesOfApp(app).filter(({ url }) => url !== '/*' && url !== '*'),
    [{ method: 'GET', url: '/sessions/:id' }]
  )
  const next = { upstreams, routes: [plainRoute({ access: 'public', path: '/sessions/*' })] }
  t.throws(
    () => {
      app.forwarding.replace(next)
    },
    { message: /routes\.0: GET, HEAD \/sessions\/:id is a route of the app itself/ }
  )
  t.equal((await app.inject('/orders/1')).statusCode, 200, 'the table is the one before')
})
