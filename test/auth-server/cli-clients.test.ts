import { createHash, randomUUID, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { encode, issuerKey, signBytes, type IssuerKey } from '../support/issuer.ts'
import { makeAuthority } from '../support/certificates.ts'
import { exchange, ISSUER, login, token } from '../support/authorization-server.ts'
import { commandLine } from './support/command-line.ts'

const MACHINE = '--grants client_credentials --scopes orders:read --default-audience sallyport-gateway'
const [old, fresh] = [issuerKey('ES256', 'old'), issuerKey('ES256', 'fresh')]
const jwkSet = (...keys: IssuerKey[]): string => JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })

function assertion(clientId: string, key: IssuerKey, nowMs: number): string {
  const now = Math.floor(nowMs / 1000)
  const claims = { iss: clientId, sub: clientId, aud: ISSUER, jti: randomUUID(), iat: now, exp: now + 60 }
  const input = `${encode({ alg: key.algorithm, kid: key.keyId })}.${encode(claims)}`
  return `${input}.${signBytes(key, input).toString('base64url')}`
}

t.test('a client whose keys are in a file proves itself with them, has no secret, and gets new keys', async t => {
  const { app, run, clock } = await commandLine(t)
  const folder = t.testdir({ 'old.json': jwkSet(old), 'both.json': JSON.stringify([old.jwk, fresh.jwk]) })
  const created = await run(
    `clients create signer ${MACHINE} --methods private_key_jwt --jwks-file ${folder}/old.json --json`
  )
  t.match(created.json(), {
    id: 'signer',
    name: 'signer',
    confidential: true,
    authenticationMethods: ['private_key_jwt'],
    jwks: [{ kid: 'old' }],
    disabled: false,
    secret: null
  })
  const ask = async (key: IssuerKey) =>
    (
      await token(app, null, {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion('signer', key, clock.ms)
      })
    ).status
  t.same([await ask(old), await ask(fresh)], [200, 401])
  t.match((await run(`clients set-keys signer --jwks-file ${folder}/both.json --json`)).json(), {
    jwks: [{ kid: 'old' }, { kid: 'fresh' }]
  })
  t.same([await ask(old), await ask(fresh)], [200, 200])
  t.match(await run('secrets rotate signer'), { code: 1, error: /no client with secrets signer/ })
})

t.test('the command line and the admin API make the same client of the same words', async t => {
  const { app, db, run } = await commandLine(t)
  for (const audience of ['orders', 'a', 'b']) await run(`audiences create ${audience}`)
  const { certificate } = await (await makeAuthority()).issue({ names: ['client.example'], usages: ['client'] })
  const thumbprint = createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url')
  const { access_token: edge } = (await login(app, 'admin1')).body
  const { access_token: bearer } = (await exchange(app, edge, 'auth-server')).body
  const machine = {
    grantTypes: ['client_credentials'],
    scopes: ['orders:read'],
    defaultAudience: 'sallyport-gateway'
  }
  for (const [options, fields] of [
    [
      '--methods tls_client_auth --certificate-subject dn:CN=client.example,O=Example --certificate-bound-tokens',
      {
        authenticationMethods: ['tls_client_auth'],
        certificateSubject: { kind: 'dn', value: 'CN=client.example,O=Example' },
        certificateBoundTokens: true
      }
    ],
    [
      '--methods tls_client_auth --certificate-subject dns:client.example --opaque',
      {
        authenticationMethods: ['tls_client_auth'],
        certificateSubject: { kind: 'dns', value: 'client.example' },
        accessTokenFormat: 'opaque'
      }
    ],
    [
      '--methods tls_client_auth --certificate-subject uri:spiffe://example/client --dpop-bound-tokens',
      {
        authenticationMethods: ['tls_client_auth'],
        certificateSubject: { kind: 'uri', value: 'spiffe://example/client' },
        dpopBoundTokens: true
      }
    ],
    [
      `--methods self_signed_tls_client_auth,client_secret_basic --certificate-thumbprints ${thumbprint}`,
      {
        authenticationMethods: ['self_signed_tls_client_auth', 'client_secret_basic'],
        certificateThumbprints: [thumbprint]
      }
    ],
    [
      '--own-audience orders --audiences a,b --first-party',
      {
        ownAudience: 'orders',
        audiences: ['a', 'b'],
        firstParty: true
      }
    ]
  ] as const) {
    const [byCommand, byApi] = [`c-${randomUUID().slice(0, 8)}`, `a-${randomUUID().slice(0, 8)}`]
    const printed = (await run(`clients create ${byCommand} ${MACHINE} ${options} --json`)).json()
    const { statusCode } = await app.inject({
      method: 'POST',
      url: '/admin/clients',
      headers: { authorization: `Bearer ${bearer}` },
      payload: { id: byApi, ...machine, ...fields }
    })
    t.equal(statusCode, 201, options)
    const {
      created_at: _one,
      id: _byCommand,
      name: _name,
      status_index: _at,
      ...row
    } = await db('clients').where({ id: byCommand }).first()
    t.match(await db('clients').where({ id: byApi }).first(), row, options)
    const listed = (await app.inject({ url: '/admin/clients', headers: { authorization: `Bearer ${bearer}` } }))
      .json()
      .clients.find(({ id }: { id: string }) => id === byCommand)
    const { secret: _secret, ...shownByCommand } = printed
    t.strictSame(listed, shownByCommand, 'both show the same')
  }
})

t.test('keys and certificates that cannot work are refused with the reason, and make no client', async t => {
  const { db, run } = await commandLine(t)
  const secret = old.privateKey.export({ format: 'jwk' })
  const folder = t.testdir({
    'set.json': jwkSet(old),
    'private.json': JSON.stringify({ keys: [{ ...secret, kid: 'k' }] }),
    'weak.json': jwkSet(issuerKey('ES384')),
    'text.json': 'not JSON',
    'object.json': '{"kty":"EC"}',
    'list.json': '{"keys":5}'
  })
  const file = (name: string): string => join(folder, name)
  for (const [options, code, error] of [
    ['--methods private_key_jwt', 1, /private_key_jwt needs jwks/],
    ['--methods tls_client_auth', 1, /tls_client_auth needs certificateSubject/],
    ['--methods self_signed_tls_client_auth', 1, /self_signed_tls_client_auth needs certificateThumbprints/],
    ['--methods client_secret_jwt', 1, /"client_secret_jwt" is no authentication method: client_secret_basic/],
    ['--methods none', 1, /the method none is for public clients/],
    [`--public --methods private_key_jwt --jwks-file ${file('set.json')}`, 1, /the method none is for public clients/],
    ['--public', 1, /a public client cannot use client_credentials/],
    [`--methods private_key_jwt --jwks-file ${file('private.json')}`, 1, /jwks: key k: private key/],
    [`--methods private_key_jwt --jwks-file ${file('weak.json')}`, 1, /ES384 is not for assertions/],
    [`--methods private_key_jwt --jwks-file ${file('list.json')}`, 1, /jwks must be array/],
    [`--methods private_key_jwt --jwks-file ${file('text.json')}`, 2, /text.json cannot be read as a JWK Set/],
    [`--methods private_key_jwt --jwks-file ${file('object.json')}`, 2, /object.json cannot be read as a JWK Set/],
    [`--methods private_key_jwt --jwks-file ${file('absent.json')}`, 2, /absent.json cannot be read as a JWK Set/],
    ['--methods tls_client_auth --certificate-subject client.example', 2, /begins with dn:, dns: or uri:/],
    ['--methods tls_client_auth --certificate-subject dns:', 2, /begins with dn:, dns: or uri:/],
    ['--methods self_signed_tls_client_auth --certificate-thumbprints AA', 1, /base64url of a SHA-256/]
  ] as const) {
    const call = await run(`clients create refused ${MACHINE} ${options}`)
    t.match(call, { code, error }, options)
    t.notOk(call.error.includes(String(secret.d)), 'no private key is printed')
  }
  t.equal(await db('clients').where({ id: 'refused' }).first(), undefined)
})

t.test('a change of keys that would shut the client out is refused, and what was there stays', async t => {
  const { db, run } = await commandLine(t)
  const folder = t.testdir({ 'set.json': jwkSet(old), 'none.json': '{"keys":[]}' })
  await run(`clients create signer ${MACHINE} --methods private_key_jwt --jwks-file ${folder}/set.json`)
  await run(`clients create named ${MACHINE} --methods tls_client_auth --certificate-subject dns:client.example`)
  for (const [line, code, error] of [
    [`clients set-keys signer --jwks-file ${folder}/none.json`, 1, /private_key_jwt needs jwks/],
    ['clients set-keys named --certificate-subject none', 1, /tls_client_auth needs certificateSubject/],
    ['clients set-keys named --scopes admin', 2, /Unknown option '--scopes'/],
    ['clients set-keys nobody --dpop-bound-tokens', 1, /There is no client nobody/]
  ] as const) {
    t.match(await run(line), { code, error }, line)
  }
  t.match(await db('clients').where({ id: 'signer' }).first(), { jwks: [{ kid: 'old' }] })
  t.match(await db('clients').where({ id: 'named' }).first(), { certificate_subject: { value: 'client.example' } })
})

t.test('the help of a command names each of its options', async t => {
  const { run } = await commandLine(t)
  const { out } = await run('clients create --help')
  for (const option of ['methods …', 'jwks-file …', 'certificate-subject …', 'public', 'require-par', 'grants …']) {
    t.ok(out.includes(`--${option}`), option)
  }
})
