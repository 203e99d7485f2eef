import { createPrivateKey } from 'node:crypto'
import t from 'tap'
import { FACTS, ISSUER, login, startServer, token } from '../support/authorization-server.ts'

t.test('O-25: both metadata documents have the issuer and name only what works', async t => {
  const { app, another, db } = await startServer(t)
  const document = (await app.inject('/.well-known/oauth-authorization-server')).json() as Record<
    string,
    string | string[]
  >
  t.equal(document.issuer, ISSUER)
  t.strictSame((await app.inject('/.well-known/openid-configuration')).json(), document)
  for (const [member, value] of Object.entries(document)) {
    if (!/_endpoint$|_uri$/.test(member)) continue
    const url = String(value)
    t.ok(url.startsWith(`${ISSUER}/`), member)
    const { statusCode } = await app.inject({
      method: member === 'jwks_uri' ? 'GET' : 'POST',
      url: new URL(url).pathname
    })
    t.not(statusCode, 404, member)
  }
  for (const grant of document.grant_types_supported as string[]) {
    t.not((await token(app, 'gateway', { grant_type: grant })).body.error, 'unsupported_grant_type', grant)
  }
  t.strictSame(document.token_endpoint_auth_methods_supported, [
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
    'none'
  ])
  await db('clients').where({ id: 'native-app' }).delete()
  const { token_endpoint_auth_methods_supported: withoutPublic } = (
    await (await another()).inject('/.well-known/oauth-authorization-server')
  ).json()
  t.notOk(withoutPublic.includes('none'), 'no public client, no method none')
  t.match((await app.inject('/.well-known/oauth-authorization-server')).headers['cache-control'], /max-age=300/)
})

t.test('O-25: the password grant is not named where no client may use it', async t => {
  const { app, another, db } = await startServer(t)
  t.ok((await app.inject('/.well-known/oauth-authorization-server')).json().grant_types_supported.includes('password'))
  await db('clients')
    .where({ id: 'gateway' })
    .update({ grant_types: ['refresh_token'] })
  const second = await another()
  t.notOk(
    (await second.inject('/.well-known/oauth-authorization-server')).json().grant_types_supported.includes('password')
  )
})

t.test(
  'O-25: under a path everything is behind the path, and the RFC 8414 document is at the inserted path',
  async t => {
    const issuer = `${ISSUER}/tenants/one`
    const { app } = await startServer(t, { issuer })
    const inserted = await app.inject('/.well-known/oauth-authorization-server/tenants/one')
    t.equal(inserted.json().issuer, issuer)
    t.equal((await app.inject('/tenants/one/.well-known/openid-configuration')).json().issuer, issuer)
    const endpoint = new URL(inserted.json().token_endpoint).pathname
    const { statusCode } = await app.inject({
      method: 'POST',
      url: endpoint,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({
        grant_type: 'password',
        username: 'customer1',
        password: FACTS.users.customer1.password,
        client_id: 'gateway',
        client_secret: 'gateway-secret-'.padEnd(43, 'x')
      }).toString()
    })
    t.equal(statusCode, 200)
    t.equal((await app.inject(new URL(inserted.json().jwks_uri).pathname)).statusCode, 200)
    for (const path of ['/oauth2/jwks', '/.well-known/oauth-authorization-server']) {
      t.equal((await app.inject(path)).statusCode, 404, path)
    }
  }
)

t.test('O-26: the key set has public members only, unique ids, alg and use, and may be cached', async t => {
  const { app } = await startServer(t)
  const { headers, body } = await app.inject('/oauth2/jwks')
  t.match(headers['cache-control'], /^public, max-age=300$/)
  const { keys } = JSON.parse(body) as { keys: Array<Record<string, string>> }
  t.equal(keys.length, 1)
  for (const key of keys) t.strictSame(Object.keys(key).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  t.equal(new Set(keys.map(({ kid }) => kid)).size, keys.length)
})

t.test('two instances that start on an empty database make one signing key', async t => {
  const { app, another, db } = await startServer(t)
  const second = await another()
  const [a, b] = await Promise.all([app.inject('/oauth2/jwks'), second.inject('/oauth2/jwks')])
  t.equal(a.body, b.body)
  t.equal(Number((await db('signing_keys').count('*').first())?.count), 1)
})

t.test(
  'a signing key is sealed at rest, opens with an older key of the ring, and never with a foreign one',
  async t => {
    const { app, another, db } = await startServer(t)
    await login(app)
    const { private_key_sealed: sealed } = await db('signing_keys').first()
    t.throws(() => createPrivateKey({ key: sealed as Buffer, format: 'der', type: 'pkcs8' }))
    const newKey = `k2:${Buffer.alloc(32, 'k8').toString('base64url')}`
    const rotated = await another({ sealingKeys: `${newKey} k1:${Buffer.alloc(32, 'k7').toString('base64url')}` })
    t.equal((await login(rotated)).status, 200)
    const foreign = await another({ sealingKeys: newKey })
    t.match(await login(foreign), { status: 500, body: { error: 'server_error' } })
  }
)

t.test('settings that cannot work together are refused at boot, all at once', async t => {
  const { another } = await startServer(t)
  await t.rejects(another({ loginIdleSeconds: 10, loginAbsoluteSeconds: 5, issuer: `${ISSUER}/` }), {
    code: 'SALLYPORT_AUTH_SERVER_SETTINGS_INVALID',
    message: /loginIdleSeconds.*issuer/
  })
  const key = Buffer.alloc(32, 'k7').toString('base64url')
  for (const sealingKeys of ['', 'k1', 'k1:short', `k1:${key} k1:${key}`, `k1:${key}=`, `k1:${'A'.repeat(43)}`]) {
    await t.rejects(another({ sealingKeys }), { code: 'SALLYPORT_AUTH_SERVER_SETTINGS_INVALID' }, sealingKeys)
  }
})
