// How administrators change configurations: versions, conditions, differences, and the trail without secrets.
import t from 'tap'
import { get, ofAdministrator, ofApplication, ofUser, put, startServer } from './support/configuration-server.ts'

const PATH = 'orders/default/main'
const URL = `/admin/configurations/${PATH}`
const CANARY = 'canary-of-a-client-secret'
const NEXT_CANARY = 'canary-of-the-next-client-secret'

t.test('who is refused, and which changes are', async t => {
  const server = await startServer(t)
  t.equal((await put(server, PATH, { limit: 1 })).statusCode, 200)
  const write = async (headers: object, payload: object = { values: { limit: 2 } }, url = URL) =>
    await server.app.inject({ method: 'PUT', url, headers: { ...headers }, payload })

  await t.test('applications, users without the role and administrators without the scope are refused', async t => {
    const match = { 'if-match': '"1"' }
    t.equal((await write(match)).statusCode, 401)
    for (const caller of [
      await ofApplication('orders', 'config:read config:write config:secrets'),
      await ofUser('CUSTOMER', 'config:write'),
      await ofUser('ADMIN', 'config:read')
    ]) {
      t.equal((await write({ ...caller, ...match })).statusCode, 403)
    }
    const reader = await ofUser('ADMIN', 'config:write')
    for (const url of [
      '/admin/configurations',
      URL,
      `${URL}/versions`,
      `${URL}/versions/1`,
      `${URL}/diff?from=1&to=1`
    ]) {
      t.equal((await get(server, url, reader)).statusCode, 403, url)
      t.equal((await get(server, url, await ofApplication('orders'))).statusCode, 403, url)
    }
  })

  await t.test('a change that does not say what it changes is 428, and one of another version 412', async t => {
    const administrator = await ofAdministrator()
    const refused = async (headers: object) => (await write({ ...administrator, ...headers })).json().code
    t.equal(await refused({}), 'SALLYPORT_CONFIGSERVER_PRECONDITION_REQUIRED')
    t.equal(await refused({ 'if-none-match': '"1"' }), 'SALLYPORT_CONFIGSERVER_PRECONDITION_REQUIRED')
    for (const match of ['"2"', 'W/"1"', '1', '*', '"1", "2"', '"01"']) {
      t.equal(await refused({ 'if-match': match }), 'SALLYPORT_CONFIGSERVER_CHANGED', match)
    }
    t.equal(await refused({ 'if-none-match': '*' }), 'SALLYPORT_CONFIGSERVER_CHANGED', 'it exists')
    const other = await write({ ...administrator, 'if-match': '"1"' }, { values: {} }, URL.replace('orders', 'ratings'))
    t.equal(other.statusCode, 412, 'it does not exist')
  })

  await t.test('content that cannot be kept is refused by the name of the property', async t => {
    const headers = { ...(await ofAdministrator()), 'if-match': '"1"' }
    const deep = JSON.parse('['.repeat(20) + ']'.repeat(20))
    for (const [payload, title] of [
      [{ values: { databasePassword: CANARY } }, /databasePassword belongs under secrets/],
      [{ values: { 'spring.datasource.password': CANARY } }, /belongs under secrets/],
      [{ values: { a: 1 }, secrets: { a: 'x' } }, /a is a value and a secret/],
      [{ values: {}, secrets: { missing: null } }, /no secret missing/],
      [{ values: { deep } }, /deep is nested too deep/]
    ] as const) {
      const answer = await write(headers, payload)
      t.match(answer.json(), { status: 400, code: 'SALLYPORT_CONFIGSERVER_CONTENT_INVALID', title })
      t.notMatch(answer.body, CANARY)
    }
    for (const payload of [{}, { values: { a: null } }, { values: { '../a': 1 } }, { values: {}, more: 1 }]) {
      t.match((await write(headers, payload)).json(), { status: 400, code: 'SALLYPORT_CONTEXT_REQUEST_INVALID' })
    }
    const infinite = await server.app.inject({
      method: 'PUT',
      url: URL,
      headers: { ...headers, 'content-type': 'application/json' },
      payload: '{"values":{"a":1e999}}'
    })
    t.equal(infinite.statusCode, 400)
    const none = { ...(await ofAdministrator()), 'if-none-match': '*' }
    for (const name of ['admin', 'audit']) {
      t.equal((await write(none, { values: {} }, URL.replace('orders', name))).statusCode, 400, name)
    }
    t.equal((await get(server, URL, await ofAdministrator())).json().version, 1, 'nothing has changed')
  })

  await t.test('what does not exist is 404', async t => {
    const administrator = await ofAdministrator()
    for (const url of [URL.replace('orders', 'none'), `${URL}/versions/9`, `${URL}/diff?from=1&to=9`]) {
      t.equal((await get(server, url, administrator)).statusCode, 404, url)
    }
    const rollback = await server.app.inject({
      method: 'POST',
      url: `${URL}/rollback`,
      headers: { ...administrator, 'if-match': '"1"' },
      payload: { version: 9 }
    })
    t.equal(rollback.statusCode, 404)
  })
})

t.test('every change is a version, which stays; current moves, also back', async t => {
  const server = await startServer(t)
  const administrator = await ofAdministrator()
  const match = (version: number) => ({ 'if-match': `"${version}"` })
  const created = await put(server, PATH, { limit: 1, gone: true }, { clientSecret: CANARY })
  t.match(created.json(), { version: 1, isChanged: true })
  t.equal(created.headers.etag, '"1"')
  t.match((await put(server, PATH, { limit: 2 }, { clientSecret: NEXT_CANARY }, match(1))).json(), { version: 2 })

  const masked = await get(server, URL, administrator)
  t.strictSame(masked.json(), { version: 2, values: { limit: 2 }, secrets: { clientSecret: null } })
  t.equal(masked.headers.etag, '"2"')
  const { values, secrets } = masked.json()
  t.strictSame(
    (await put(server, PATH, values, secrets, match(2))).json(),
    { version: 2, isChanged: false },
    'sent back'
  )
  t.equal((await get(server, '/orders/default')).json().propertySources[0].source.clientSecret, NEXT_CANARY)

  t.strictSame((await get(server, `${URL}/diff?from=1&to=2`, administrator)).json(), {
    added: {},
    removed: { gone: true },
    changed: { limit: { before: 1, after: 2 }, clientSecret: { before: '[secret]', after: '[secret]' } }
  })

  const back = await server.app.inject({
    method: 'POST',
    url: `${URL}/rollback`,
    headers: { ...administrator, ...match(2) },
    payload: { version: 1 }
  })
  t.strictSame(back.json(), { version: 3, isChanged: true })
  t.strictSame((await get(server, '/orders/default')).json().propertySources, [
    { name: 'orders/default/main@3', source: { limit: 1, gone: true, clientSecret: CANARY } }
  ])
  t.match((await get(server, `${URL}/versions`, administrator)).json(), {
    versions: [
      { version: 3, restoredVersion: 1, author: 'somebody' },
      { version: 2, restoredVersion: null },
      { version: 1, restoredVersion: null }
    ]
  })
  t.match((await get(server, `${URL}/versions?before=2`, administrator)).json().versions, [{ version: 1 }])
  t.match((await get(server, `${URL}/versions/2`, administrator)).json(), { version: 2, values: { limit: 2 } })

  await put(server, 'ratings/default/main', {})
  const names = async (query = '') => (await get(server, `/admin/configurations${query}`, administrator)).json()
  t.match(await names(), { configurations: [{ application: 'orders', version: 3 }, { application: 'ratings' }] })
  t.match(await names(`?after=${PATH}`), { configurations: [{ application: 'ratings' }] })

  const rows = (await server.audit()).filter(({ resource_id: id }) => id === PATH)
  t.match(rows, [
    { action: 'configuration.replace', subject: 'somebody', detail: { before: null, after: 1, added: { limit: 1 } } },
    {
      action: 'configuration.replace',
      detail: { before: 1, after: 2, removed: { gone: true }, changed: { limit: { before: 1, after: 2 } } }
    },
    { action: 'configuration.replace', detail: { before: 2, after: 2, changed: {} } },
    { action: 'configuration.roll-back', detail: { before: 2, after: 3, restoredVersion: 1, added: { gone: true } } }
  ])
  t.notMatch(JSON.stringify(await server.audit()), /canary/)
})

t.test('the running service can neither change nor remove a version', async t => {
  const server = await startServer(t)
  await put(server, PATH, { limit: 1 }, { clientSecret: CANARY })
  const denied = { code: '42501' }
  await t.rejects(server.db('configuration_versions').update({ plain_values: '{}' }), denied)
  await t.rejects(server.db('configuration_versions').delete(), denied)
  await t.rejects(server.db('configuration_secrets').update({ name: 'other' }), denied)
  await t.rejects(server.db('configuration_changes').delete(), denied)
})

t.test('of two changes of one version at the same time one is 412', async t => {
  const server = await startServer(t)
  await put(server, PATH, { limit: 0 })
  const answers = await Promise.all([1, 2, 3, 4].map(limit => put(server, PATH, { limit }, {}, { 'if-match': '"1"' })))
  t.strictSame(answers.map(({ statusCode }) => statusCode).sort(), [200, 412, 412, 412])
})
