import {
  buildService,
  migrateService,
  namedMigrations,
  routeResource,
  type ServiceDefinition,
  type ServiceInstance,
  type ServiceRoles
} from '@sallyport/service-kit'
import { allOf, owner, role } from '@sallyport/authorization'
import { requirePrincipal, type StatusSource } from '@sallyport/security-context'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { as, authority, SETTINGS, startService, USERS } from '../support/services.ts'

const PROCESS_NAME = 'thing-service'
const THINGS = new Map([['1', { thingId: '1', ownerId: USERS.customer1.subject }]])
const thing = routeResource('thingId', async id => THINGS.get(id) ?? null)

async function migrate(db: Knex, roles: ServiceRoles): Promise<void> {
  const up = async (trx: Knex): Promise<void> => {
    await trx.raw('create table things (thing_id text)')
  }
  const down = async (trx: Knex): Promise<void> => {
    await trx.raw('drop table things')
  }
  await migrateService(db, roles, {
    migrations: namedMigrations('thing_migrations', { '0001-things': { up, down } }),
    grants: { things: ['select'] }
  })
}

/** A service with the given routes on the common path. */
async function start(t: Test, routes: ServiceDefinition['routes'], more: { status?: StatusSource } = {}) {
  return startService(
    t,
    {
      PROCESS_NAME,
      migrate,
      seedDemo: async () => {},
      buildApp: (settings, collaborators) =>
        buildService({ name: PROCESS_NAME, settings, collaborators, upstreams: {}, routes })
    },
    SETTINGS,
    more
  )
}

async function thingRoutes(app: ServiceInstance): Promise<void> {
  app.get(
    '/things/:thingId',
    { config: { access: allOf(role('CUSTOMER'), owner('ownerId')), resource: thing.load, audit: 'none' } },
    async request => thing.of(request)
  )
  app.post('/things', { config: { access: 'authenticated', audit: 'none' } }, async request => ({
    by: requirePrincipal(request).subject
  }))
  app.post('/forgotten', { config: { access: 'authenticated', audit: { action: 'thing.forget' } } }, async () => ({}))
  app.get('/undeclared-resource', { config: { access: 'authenticated', audit: 'none' } }, async request =>
    thing.of(request)
  )
  app.get('/public', { config: { access: 'public', audit: 'none' } }, async request => requirePrincipal(request))
}

const startThings = (t: Test, more: { status?: StatusSource } = {}) => start(t, thingRoutes, more)

t.test('Z01: a service with a route that declares no access, or no audit, does not boot', async t => {
  const undeclared: Array<[string, ServiceDefinition['routes']]> = [
    [
      'access',
      async app => {
        app.get('/open', { config: { audit: 'none' } }, async () => 'x')
      }
    ],
    [
      'audit',
      async app => {
        app.get('/open', { config: { access: 'public' } }, async () => 'x')
      }
    ]
  ]
  for (const [what, routes] of undeclared) {
    await t.rejects(
      start(t, routes),
      { code: 'SALLYPORT_CONTEXT_ROUTES_UNDECLARED', message: `Routes without config.${what}: GET /open` },
      what
    )
  }
})

t.test('who is calling comes from a token of the issuer for this very service', async t => {
  const { app, audit } = await startThings(t)
  const read = async (headers: Record<string, string>) => app.inject({ url: '/things/1', headers })
  t.equal((await read(await as('customer1', PROCESS_NAME))).statusCode, 200)
  const refused = {
    'no token': [{}, undefined],
    'Basic credentials': [{ authorization: `Basic ${Buffer.from('customer1:x').toString('base64')}` }, undefined],
    'a token for another service': [await as('customer1', 'order-service'), 'audience-mismatch'],
    'a token of the edge': [await as('customer1', 'sallyport-gateway'), 'audience-mismatch']
  } as const
  for (const [what, [headers, reason]] of Object.entries(refused)) {
    const answer = await read(headers as Record<string, string>)
    t.equal(answer.statusCode, 401, what)
    t.match(answer.headers['www-authenticate'], /^Bearer/, what)
    const row = (await audit()).at(-1)
    t.equal(row?.outcome, 'denied')
    if (reason !== undefined) t.equal(row?.reason, reason)
  }
  t.equal((await read({ ...(await as('customer2', PROCESS_NAME)) })).statusCode, 404)
})

t.test('a token whose session has ended is refused', async t => {
  const status: StatusSource = {
    follow: async () => {},
    check: ({ index }) => (index === 7 ? 'revoked' : 'valid'),
    ageMs: () => 0,
    close: async () => {}
  }
  const { app, audit } = await startThings(t, { status })
  for (const [idx, statusCode] of [
    [6, 200],
    [7, 401]
  ] as const) {
    const token = await authority.mint({
      subject: USERS.customer1.subject,
      audience: PROCESS_NAME,
      roles: ['CUSTOMER'],
      claims: { status: { status_list: { idx, uri: `${authority.issuer}/list` } } }
    })
    t.equal(
      (await app.inject({ url: '/things/1', headers: { authorization: `Bearer ${token}` } })).statusCode,
      statusCode
    )
  }
  t.match((await audit()).at(-1), { outcome: 'denied', reason: 'token-revoked' })
})

t.test('two Authorization headers are refused before either is believed', async t => {
  const { app, audit } = await startThings(t)
  const origin = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const { authorization } = await as('customer1', PROCESS_NAME)
  const { request } = await import('node:http')
  const statusCode = await new Promise<number | undefined>((resolve, reject) => {
    const sent = request(
      {
        host: origin.hostname,
        port: origin.port,
        path: '/things/1',
        headers: ['Host', origin.host, 'Authorization', authorization, 'Authorization', 'Bearer x']
      },
      response => {
        response.resume()
        resolve(response.statusCode)
      }
    )
    sent.on('error', reject)
    sent.end()
  })
  t.equal(statusCode, 400)
  t.match((await audit()).at(-1), { outcome: 'denied', reason: 'duplicate-header' })
})

t.test('a body is not larger than 64 KiB', async t => {
  const { app } = await startThings(t)
  const answer = await app.inject({
    method: 'POST',
    url: '/things',
    headers: await as('customer1', PROCESS_NAME),
    payload: { text: 'x'.repeat(65 * 1024) }
  })
  t.equal(answer.statusCode, 413)
})

t.test('an effect that nobody recorded is a failure in tests', async t => {
  const { app } = await startThings(t)
  const answer = await app.inject({ method: 'POST', url: '/forgotten', headers: await as('customer1', PROCESS_NAME) })
  t.equal(answer.statusCode, 500)
  t.equal(answer.json().code, 'SALLYPORT_AUDIT_UNFULFILLED')
})

t.test(
  'a handler that uses a caller or a resource its route does not declare fails, and tells the caller nothing',
  async t => {
    const { app } = await startThings(t)
    const codes = {
      '/undeclared-resource': 'SALLYPORT_SERVICE_MISUSE',
      '/public': 'SALLYPORT_CONTEXT_PRINCIPAL_MISSING'
    }
    for (const [url, code] of Object.entries(codes)) {
      const answer = await app.inject({ url, headers: await as('customer1', PROCESS_NAME) })
      t.equal(answer.statusCode, 500)
      t.same(answer.json(), {
        type: 'about:blank',
        title: 'Internal Server Error',
        status: 500,
        code,
        requestId: answer.headers['x-request-id']
      })
    }
  }
)

t.test('the gateway’s request id is kept, anything else gets a new one', async t => {
  const { app, audit } = await startThings(t)
  const id = '11111111-2222-4333-8444-555555555555'
  for (const given of [id, 'x'.repeat(2000), 'a b', `${id}\u0000`]) {
    await app.inject({ url: '/things/1', headers: { ...(await as('courier1', PROCESS_NAME)), 'x-request-id': given } })
    const row = (await audit()).at(-1)
    if (given === id) t.equal(row?.request_id, id)
    else t.match(row?.request_id, /^[0-9a-f-]{36}$/)
    if (given !== id) t.not(row?.request_id, id)
  }
})

t.test('health, metrics and the OpenAPI document are for the operations listener only', async t => {
  const { app } = await startThings(t)
  const document = (await app.operations.inject('/openapi.json')).json()
  t.same(document.paths['/public'].get.security, [], 'what is public is described so')
  t.same(document.paths['/things'].post.security, [{ accessToken: [] }])
  t.match(document, {
    openapi: '3.1.0',
    info: { title: PROCESS_NAME },
    paths: { '/things/{thingId}': { get: Object }, '/things': { post: Object } }
  })
  t.equal((await app.operations.inject('/health/live')).statusCode, 200)
  for (const url of ['/openapi.json', '/metrics', '/health/live', '/health/ready', '/documentation/json']) {
    t.equal((await app.inject({ url, headers: await as('admin1', PROCESS_NAME) })).statusCode, 404, url)
  }
})

t.test('migrations run again change nothing', async t => {
  const { owner: db } = await startThings(t)
  const before = await db('thing_migrations').select()
  await migrate(db, { appRole: `test_${PROCESS_NAME}_app`, prunerRole: `test_${PROCESS_NAME}_pruner` })
  t.same(await db('thing_migrations').select(), before)
})
