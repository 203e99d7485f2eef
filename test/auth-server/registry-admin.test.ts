import t, { type Test } from 'tap'
import { exchange, login, startServer } from '../support/authorization-server.ts'
import { authorizeUrl, browser, credentialsOf, pkce, requestOf } from '../support/browser.ts'
import { commandLine } from './support/command-line.ts'

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

async function registry(t: Test) {
  const server = await startServer(t)
  const edge = (await login(server.app, 'admin1')).body.access_token
  const bearer = (await exchange(server.app, edge, 'auth-server')).body.access_token
  const call = async (method: Method, url: string, body?: object, headers: Record<string, string> = {}) => {
    const response = await server.app.inject({
      method,
      url: `/admin/${url}`,
      headers: { authorization: `Bearer ${bearer}`, ...headers },
      ...(body === undefined ? {} : { payload: body })
    })
    const text = response.body
    return { status: response.statusCode, etag: response.headers.etag, body: text === '' ? null : JSON.parse(text) }
  }
  const trail = async (action: string) => {
    const { detail } = await server
      .db('audit_events')
      .where({ action, outcome: 'success' })
      .orderBy('id', 'desc')
      .first()
    return typeof detail === 'string' ? JSON.parse(detail) : detail
  }
  return { ...server, call, trail }
}

t.test('an audience and its scopes are created, shown, edited, disabled, enabled and deleted over HTTP', async t => {
  const { call, trail } = await registry(t)
  t.match(await call('POST', 'audiences', { name: 'reports', description: 'Reports' }), {
    status: 201,
    etag: '"1"',
    body: { name: 'reports', description: 'Reports', version: 1, disabled: false }
  })
  t.equal((await call('POST', 'audiences', { name: 'reports' })).status, 409)
  const scope = {
    name: 'reports:read',
    audience: 'reports',
    descriptions: { EN: 'Read reports', de: 'Berichte lesen' }
  }
  t.match(await call('POST', 'scopes', scope), { status: 201, body: { descriptions: { en: 'Read reports' } } })
  t.match(await call('GET', 'scopes/reports/reports:read'), { status: 200, etag: '"1"', body: { requiredRole: null } })
  t.equal((await call('POST', 'roles', { name: 'CLERK' })).status, 201)
  t.match(await call('PATCH', 'scopes/reports/reports:read', { requiredRole: 'CLERK' }), { status: 200, etag: '"2"' })
  t.strictSame(await trail('scope.change'), { before: { requiredRole: null }, after: { requiredRole: 'CLERK' } })
  t.match(await call('POST', 'scopes/reports/reports:read/disable'), { body: { disabled: true, version: 3 } })
  t.match((await trail('scope.disable')).before, { disabledAtMs: null })
  t.match(await call('POST', 'scopes/reports/reports:read/enable'), { body: { disabled: false } })
  t.match(await call('DELETE', 'audiences/reports'), { status: 409, body: { title: /scope reports:read/ } })
  t.equal((await call('DELETE', 'scopes/reports/reports:read')).status, 204)
  t.strictSame((await trail('scope.delete')).after, null)
  t.match(await call('PATCH', 'audiences/reports', { description: 'Old' }), { status: 200 })
  t.match(await call('POST', 'audiences/reports/disable'), { body: { disabled: true } })
  t.match(await call('POST', 'audiences/reports/enable'), { body: { disabled: false } })
  t.equal((await call('DELETE', 'audiences/reports')).status, 204)
  t.equal((await call('GET', 'audiences/reports')).status, 404)
  t.notOk((await call('GET', 'audiences')).body.audiences.some(({ name }: { name: string }) => name === 'reports'))
})

t.test('a change that was decided on another version is refused with 412 and changes nothing', async t => {
  const { call } = await registry(t)
  const url = 'clients/web-app'
  const { etag = '' } = await call('GET', url)
  t.match(await call('PATCH', url, { name: 'First' }, { 'if-match': etag }), { status: 200, body: { name: 'First' } })
  for (const tag of [etag, `W/${etag}`, '"x"', 'nonsense']) {
    t.match(await call('PATCH', url, { name: 'Second' }, { 'if-match': tag }), {
      status: 412,
      body: { code: 'SALLYPORT_AUTH_SERVER_VERSION_MISMATCH' }
    })
  }
  t.equal((await call('DELETE', url, undefined, { 'if-match': etag })).status, 412)
  t.equal((await call('POST', `${url}/disable`, undefined, { 'if-match': etag })).status, 412)
  const more = { keys: { dpopBoundTokens: true }, logout: { postLogoutRedirectUris: ['https://shop.example/'] } }
  for (const [part, body] of Object.entries(more)) {
    t.equal((await call('PATCH', `${url}/${part}`, body, { 'if-match': etag })).status, 412, part)
  }
  t.equal((await call('POST', `${url}/secrets`, { overlapSeconds: 60 }, { 'if-match': etag })).status, 412)
  t.match(await call('GET', url), {
    body: { name: 'First', disabled: false, dpopBoundTokens: false, postLogoutRedirectUris: [] }
  })
  t.equal((await call('PATCH', url, { name: 'Third' }, { 'if-match': '*' })).status, 200)
  t.equal((await call('PATCH', 'scopes/order-service/orders:read', {}, { 'if-match': '"9"' })).status, 412)
})

t.test(
  'each step of a client tells the version for the next one, and of two rotations at once one is refused',
  async t => {
    const { call } = await registry(t)
    const url = 'clients/web-app'
    let { etag = '' } = await call('GET', url)
    for (const [path, body] of [
      ['keys', { dpopBoundTokens: true }],
      ['logout', { postLogoutRedirectUris: ['https://shop.example/'] }]
    ] as const) {
      const changed = await call('PATCH', `${url}/${path}`, body, { 'if-match': etag })
      t.equal(changed.status, 204, path)
      t.not(changed.etag, etag)
      etag = changed.etag ?? ''
    }
    const rotations = await Promise.all(
      [1, 2].map(async () => await call('POST', `${url}/secrets`, { overlapSeconds: 60 }, { 'if-match': etag }))
    )
    t.strictSame(rotations.map(({ status }) => status).sort(), [201, 412])
    t.match(await call('GET', url), { etag: rotations.find(({ status }) => status === 201)?.etag })
  }
)

t.test('every field of a client is edited, with before and after in the trail, and no secret in it', async t => {
  const { call, trail } = await registry(t)
  const wanted = { redirectUris: ['https://new.example/cb'], name: 'New name', grantTypes: ['authorization_code'] }
  t.match(await call('PATCH', 'clients/web-app', wanted), { status: 200, body: wanted })
  t.match(await trail('client.change'), {
    before: { name: 'web-app', redirectUris: ['http://127.0.0.1:9090/callback'] },
    after: wanted
  })
  t.equal((await call('PATCH', 'clients/web-app', { id: 'other' })).status, 400)
  t.equal((await call('POST', 'clients/web-app/disable')).status, 204)
  t.strictSame(await trail('client.disable'), { before: { disabled: false }, after: { disabled: true } })
  t.equal((await call('POST', 'clients/web-app/enable')).status, 204)
  t.match(await call('GET', 'clients/web-app'), { body: { disabled: false } })
  t.equal((await call('DELETE', 'clients/web-app')).status, 204)
  t.match(await trail('client.delete'), { before: { id: 'web-app' }, after: null })
  t.equal((await call('GET', 'clients/web-app')).status, 404)
})

t.test('all mistakes are named together, what is not there too, and nothing is stored', async t => {
  const { call } = await registry(t)
  const { status, body } = await call('POST', 'clients', {
    id: 'wrong',
    grantTypes: ['magic'],
    scopes: ['orders:read', 'no:such'],
    audiences: ['nowhere'],
    defaultAudience: 'neither'
  })
  t.equal(status, 400)
  for (const mistake of [/"magic" is no grant/, /no scope no:such/, /no audience nowhere/, /no audience neither/]) {
    t.match(body.title, mistake)
  }
  t.equal((await call('GET', 'clients/wrong')).status, 404)
  t.match(await call('PATCH', 'clients/web-app', { scopes: ['gone'] }), {
    status: 400,
    body: { title: /no scope gone/ }
  })
  const scope = await call('POST', 'scopes', {
    name: 'two words',
    audience: 'nowhere',
    requiredRole: 'lower',
    descriptions: { 'not a language': 'x' }
  })
  for (const mistake of [/printable/, /no audience nowhere/, /not a role/, /no language/]) {
    t.match(scope.body.title, mistake)
  }
  t.match(await call('POST', 'scopes', { name: 'openid', audience: 'order-service' }), { status: 400 })
  t.match(await call('POST', 'audiences', { name: ' ' }), { status: 400, body: { title: /an audience is/ } })
})

t.test('the command line has the same functions', async t => {
  const { run } = await commandLine(t)
  await run('audiences create reports --description Reports')
  t.match(
    (await run('scopes create reports:read reports --description en=Read --description de=Lesen --json')).json(),
    {
      descriptions: { en: 'Read', de: 'Lesen' }
    }
  )
  await run('roles create CLERK')
  t.match((await run('scopes edit reports:read reports --required-role CLERK --json')).json(), { version: 2 })
  t.match(await run('scopes edit reports:read reports --description Read'), { code: 2, error: /language=text/ })
  t.match((await run('clients edit web-app --name Shop --json')).json(), { name: 'Shop', grantTypes: Array })
  t.match(await run('clients edit web-app --scopes gone'), { code: 1, error: /there is no scope gone/ })
  t.match((await run('scopes disable reports:read reports --json')).json(), { disabled: true })
  t.match((await run('scopes enable reports:read reports --json')).json(), { disabled: false })
  t.match((await run('clients disable web-app --json')).json(), { disabled: true })
  t.match((await run('clients enable web-app --json')).json(), { disabled: false })
  t.match((await run('clients show web-app --json')).json(), { name: 'Shop', disabled: false, version: 4 })
  t.match(await run('audiences delete reports'), { code: 1, error: /stays: scope reports:read/ })
  t.equal((await run('scopes delete reports:read reports')).code, 0)
  t.equal((await run('audiences edit reports --description x')).code, 0)
  t.equal((await run('audiences disable reports')).code, 0)
  t.equal((await run('audiences enable reports')).code, 0)
  t.equal((await run('audiences show reports')).code, 0)
  t.equal((await run('audiences delete reports')).code, 0)
  t.match(await run('scopes show reports:read reports'), { code: 1, error: /no scope reports:read at reports/ })
  t.equal((await run('clients delete web-app')).code, 0)
  t.match(await run('clients show web-app'), { code: 1 })
  t.equal((await run('scopes list')).code, 0)
  t.equal((await run('audiences list')).code, 0)
})

t.test('the consent page describes scopes in the language of the user, and falls back', async t => {
  const { app, call } = await registry(t)
  const descriptions = { en: 'See orders', de: 'Bestellungen <sehen>' }
  await call('PATCH', 'scopes/sallyport-gateway/orders:read', { descriptions })
  const shown = async (headers: Record<string, string>, more: Record<string, string> = {}) => {
    const user = browser(app)
    Object.assign(user.headers, headers)
    const scope = 'openid orders:read'
    const login = await user.get(authorizeUrl(requestOf(pkce().challenge, { scope, ...more })))
    return (await user.submit(login, credentialsOf('customer1'))).body
  }
  const german = '<span lang="de">Bestellungen &lt;sehen&gt;</span> <code>orders:read</code>'
  t.match(await shown({}), '<span lang="en">See orders</span> <code>orders:read</code>')
  t.match(await shown({ 'accept-language': 'fr, de-AT;q=0.8, en;q=0.5' }), german)
  t.match(await shown({ 'accept-language': 'en' }, { ui_locales: 'de-CH fr' }), german)
  t.match(await shown({ 'accept-language': 'fr;q=x,*' }), 'See orders')
  t.match(await shown({}), '<span lang="en">Recognise you</span> <code>openid</code>')
})
