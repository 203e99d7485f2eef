// What applications get: the JSON of Spring Cloud Config, for their own client only.
import t from 'tap'
import { get, ofApplication, ofUser, put, startServer } from './support/configuration-server.ts'

const CANARY = 'canary-of-a-database-password'

t.test('who is refused, and what does not exist', async t => {
  const server = await startServer(t)
  t.equal((await put(server, 'orders/default/main', { limit: 1 })).statusCode, 200)
  t.equal((await put(server, 'ratings/default/main', { limit: 1 }, { databasePassword: CANARY })).statusCode, 200)

  await t.test('a caller without a token, or with one for another service, is refused with 401', async t => {
    t.equal((await server.app.inject('/orders/default')).statusCode, 401)
    const other = await ofApplication('orders', 'config:read', { audience: 'order-service' })
    t.equal((await get(server, '/orders/default', other)).statusCode, 401)
  })

  await t.test('a token without the scope is refused with 403', async t => {
    t.equal((await get(server, '/orders/default', await ofApplication('orders', 'orders:read'))).statusCode, 403)
  })

  await t.test('another application, a user of that name and a token that was exchanged get 404', async t => {
    const strangers = [
      await ofApplication('ratings'),
      await ofUser('CUSTOMER', 'config:read', 'orders'),
      await ofApplication('orders', 'config:read', { clientId: 'gateway' }),
      await ofApplication('orders', 'config:read', { act: { sub: 'gateway' } })
    ]
    for (const stranger of strangers) {
      const answer = await get(server, '/orders/default', stranger)
      t.equal(answer.statusCode, 404)
      t.notMatch(answer.body, 'limit')
    }
    t.match((await server.audit()).at(-1), { action: 'configuration.read', outcome: 'denied', resource_id: 'orders' })
  })

  await t.test('an application, a label and a profile that are not known are 404', async t => {
    const unknown = { code: 'SALLYPORT_CONFIGSERVER_UNKNOWN' }
    for (const url of ['/nothing/default', '/orders/default/other', '/nothing/production/main']) {
      const answer = await get(server, url)
      t.equal(answer.statusCode, 404, url)
      t.match(answer.json(), unknown, url)
    }
    t.equal((await get(server, '/orders/unknown-profile')).statusCode, 200, 'the default profile applies to all')
  })

  await t.test('whoever may not see its secrets gets nothing of a configuration', async t => {
    const answer = await get(server, '/ratings/default', await ofApplication('ratings', 'config:read'))
    t.equal(answer.statusCode, 403)
    t.notMatch(answer.body, 'limit')
    t.notMatch(answer.headers, { etag: String })
    const administrator = await ofUser('ADMIN', 'config:read config:write')
    t.equal((await get(server, '/ratings/default', administrator)).statusCode, 403)
    const rows = await server.audit()
    t.equal(rows.filter(({ action }) => action === 'configuration.read-secrets').length, 0)
  })
})

t.test(
  'later profiles win over earlier ones, all over the default, and an application over what is shared',
  async t => {
    const server = await startServer(t)
    for (const [path, values] of [
      ['application/default/main', { a: 'shared', b: 'shared', c: 'shared', d: 'shared', e: 'shared' }],
      ['orders/default/main', { a: 'own', b: 'own', c: 'own', d: 'own' }],
      ['application/eu/main', { a: 'shared eu', b: 'shared eu', c: 'shared eu' }],
      ['orders/eu/main', { a: 'own eu', b: 'own eu' }],
      ['orders/production/main', { a: { nested: [1, true, null, 'text'] } }],
      ['orders/production/candidate', { a: 'another label' }],
      ['ratings/default/main', { a: 'another application' }]
    ] as const) {
      t.equal((await put(server, path, values)).statusCode, 200, path)
    }
    const answer = await get(server, '/orders/eu,production')
    t.equal(answer.statusCode, 200)
    t.match(answer.headers['content-type'], /^application\/json/)
    const environment = answer.json()
    t.strictSame(Object.keys(environment), ['name', 'profiles', 'label', 'version', 'state', 'propertySources'])
    t.match(environment, {
      name: 'orders',
      profiles: ['eu', 'production'],
      label: 'main',
      version: /^[\w-]{43}$/,
      state: null
    })
    t.strictSame(environment.propertySources, [
      { name: 'orders/production/main@1', source: { a: { nested: [1, true, null, 'text'] } } },
      { name: 'orders/eu/main@1', source: { a: 'own eu', b: 'own eu' } },
      { name: 'application/eu/main@1', source: { a: 'shared eu', b: 'shared eu', c: 'shared eu' } },
      { name: 'orders/default/main@1', source: { a: 'own', b: 'own', c: 'own', d: 'own' } },
      {
        name: 'application/default/main@1',
        source: { a: 'shared', b: 'shared', c: 'shared', d: 'shared', e: 'shared' }
      }
    ])
    t.strictSame((await get(server, '/orders/eu,production/main')).json(), environment, 'main is the default label')
    const sources = (await get(server, '/orders/default,production/candidate')).json().propertySources
    t.strictSame(
      sources.map(({ name }: { name: string }) => name),
      ['orders/production/candidate@1']
    )
    t.equal(
      (await get(server, '/application/default', await ofApplication('orders'))).statusCode,
      200,
      'what is shared'
    )
  }
)

t.test('an answer has a tag, and whoever has its content already gets 304 until it changes', async t => {
  const server = await startServer(t)
  await put(server, 'orders/default/main', { limit: 1 })
  const first = await get(server, '/orders/production')
  const tag = String(first.headers.etag)
  t.equal(tag, `"${first.json().version}"`)
  const ask = async (known: string) =>
    await get(server, '/orders/production', { ...(await ofApplication('orders')), 'if-none-match': known })
  for (const known of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
    const again = await ask(known)
    t.equal(again.statusCode, 304, known)
    t.equal(again.body, '')
    t.equal(again.headers.etag, tag)
  }
  t.equal((await ask('"other"')).statusCode, 200)
  await put(server, 'application/production/main', { limit: 2 })
  const changed = await ask(tag)
  t.equal(changed.statusCode, 200, 'what is shared has changed')
  t.not(changed.headers.etag, tag)
  const stranger = { ...(await ofApplication('ratings')), 'if-none-match': String(changed.headers.etag) }
  t.equal((await get(server, '/orders/production', stranger)).statusCode, 404, 'a tag is no authorization')
})

t.test('an application reads its secrets with their scope, and each reading is recorded without them', async t => {
  const server = await startServer(t)
  await put(
    server,
    'orders/default/main',
    { limit: 1 },
    { databasePassword: CANARY, pair: { user: 'u', password: 'p' } }
  )
  const answer = await get(server, '/orders/default')
  t.strictSame(answer.json().propertySources[0].source, {
    limit: 1,
    databasePassword: CANARY,
    pair: { user: 'u', password: 'p' }
  })
  t.equal(answer.headers['cache-control'], 'no-store')
  const known = { ...(await ofApplication('orders')), 'if-none-match': String(answer.headers.etag) }
  t.equal((await get(server, '/orders/default', known)).statusCode, 304)
  const rows = await server.audit()
  t.match(
    rows.filter(({ action }) => action === 'configuration.read-secrets'),
    [
      {
        subject: 'orders',
        client_id: 'orders',
        outcome: 'success',
        resource_id: 'orders',
        detail: { names: ['orders/default/main#databasePassword', 'orders/default/main#pair'] }
      }
    ],
    'a 304 has no secrets'
  )
  t.notMatch(JSON.stringify(rows), CANARY)
})
