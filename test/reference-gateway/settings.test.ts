import { parseSealingKeys } from '@sallyport/authentication'
import { loadSettings } from '@sallyport/configuration'
import { settingsSchema } from '@sallyport/reference-gateway'
import t from 'tap'
import { checkSettings } from '../../reference-gateway/src/settings.ts'
import { SETTINGS } from '../support/edge.ts'

const KEY = 'A'.repeat(42) + 'E'
const ENVIRONMENT = {
  PORT: '8080',
  SALLYPORT_OPERATIONS_PORT: '8180',
  DATABASE_URL: 'postgres://app@127.0.0.1/gateway',
  SALLYPORT_TLS_CERTIFICATE_PATH: 'a',
  SALLYPORT_TLS_PRIVATE_KEY_PATH: 'b',
  SALLYPORT_TLS_CA_PATH: 'c',
  SALLYPORT_ISSUER: 'https://localhost:8081',
  SALLYPORT_CLIENT_SECRET: 'secret-secret-secret-secret-secret',
  SALLYPORT_SEALING_KEYS: `new:${KEY} old:${KEY}`,
  SALLYPORT_PEER_ADDRESSES: 'order-service.sallyport.internal=127.0.0.1 auth-server.sallyport.internal=127.0.0.1',
  SALLYPORT_ROUTES_PATH: 'gateway.yaml',
  SALLYPORT_AUTH_SERVER_ORIGIN: 'https://auth-server.sallyport.internal:8081'
}

t.test('the environment of the reference deployment gives the settings', async t => {
  const { values } = loadSettings({ schema: settingsSchema, environment: ENVIRONMENT })
  checkSettings(values)
  t.match(values, { port: 8080, host: '127.0.0.1', edgeTls: false, clientId: 'gateway', trustedProxies: [] })
  t.match(values, { publicOrigins: [], allowedHosts: [], answerTimeoutMs: 30_000, streamPauseMs: 60_000 })
  t.same(values.peerAddresses, [
    'order-service.sallyport.internal=127.0.0.1',
    'auth-server.sallyport.internal=127.0.0.1'
  ])
  t.same(
    parseSealingKeys(values.sealingKeys ?? '').map(({ id }) => id),
    ['new', 'old']
  )
})

t.test('the tokens of the own issuer may have every form that has a name', async t => {
  for (const tokenProfile of ['rfc9068', 'keycloak', 'auth0', 'entra', 'entra-v1', 'okta', 'cognito']) {
    const environment = { ...ENVIRONMENT, SALLYPORT_TOKEN_PROFILE: tokenProfile }
    const { values } = loadSettings({ schema: settingsSchema, environment })
    t.equal(values.tokenProfile, tokenProfile)
  }
  const environment = { ...ENVIRONMENT, SALLYPORT_TOKEN_PROFILE: 'another' }
  t.throws(() => loadSettings({ schema: settingsSchema, environment }), /tokenProfile/)
})

t.test('a service over plain HTTP outside loopback is refused', async t => {
  t.throws(
    () =>
      loadSettings({
        schema: settingsSchema,
        environment: { ...ENVIRONMENT, SALLYPORT_AUTH_SERVER_ORIGIN: 'http://auth-server.sallyport.internal:8081' }
      }),
    /authServerOrigin/
  )
})

t.test('settings that do not fit together are refused, all at once and without a secret', async t => {
  const unfit = { additionalRequestHeaders: ['x-user'], allowedHosts: ['https://a', 'b'], answerTimeoutMs: 1 }
  const wrong = { ...SETTINGS, host: '0.0.0.0', ...unfit, sealingKeys: 'planted' }
  let message = ''
  try {
    checkSettings(wrong)
  } catch (error) {
    t.match(error, { code: 'SALLYPORT_GATEWAY_SETTINGS_INVALID' })
    message = String(error)
  }
  t.match(message, /plain HTTP on 0\.0\.0\.0.*"x-user".*allowedHosts: "https:\/\/a" .*answerTimeoutMs.*sealingKeys/)
  t.notMatch(message, /planted/)
  t.throws(() => checkSettings({ ...SETTINGS, host: '127.0.0.1.example' }), /plain HTTP/)
  checkSettings({ ...SETTINGS, host: '0.0.0.0', edgeTls: true, publicOrigins: [] })
})

t.test('the key of the names tried at logins is read, and one that is none is refused without showing it', async t => {
  const { values } = loadSettings({
    schema: settingsSchema,
    environment: { ...ENVIRONMENT, SALLYPORT_AUDIT_NAME_KEY: `names:${KEY}` }
  })
  checkSettings(values)
  for (const wrong of [`process:${KEY}`, `names:planted-${'a'.repeat(20)}`, `planted-${KEY}`]) {
    t.throws(
      () => {
        checkSettings({ ...SETTINGS, auditNameKey: wrong })
      },
      { message: /auditNameKey: not id:base64url with 32 bytes$/ }
    )
  }
})

t.test('what a feature needs is asked for with the feature only', async t => {
  const { clientSecret: _secret, sealingKeys, databaseUrl: _url, ...rest } = SETTINGS
  const { tlsCertificatePath: _certificate, tlsPrivateKeyPath: _key, tlsCaPath: _ca, ...bare } = rest
  checkSettings(bare)
  t.throws(
    () => {
      checkSettings({ ...bare, edgeTls: true })
    },
    { message: /edgeTls: needs tlsCertificatePath/ }
  )
  t.throws(
    () => {
      checkSettings({ ...bare, ...(sealingKeys !== undefined && { sealingKeys }) })
    },
    { message: /sealingKeys: sessions need clientSecret/ }
  )
})

t.test('what belongs to the login at the issuer is refused where there is no such login', async t => {
  const refused = (changes: Partial<typeof SETTINGS>, message: RegExp) =>
    t.throws(() => checkSettings({ ...SETTINGS, ...changes }), { code: 'SALLYPORT_GATEWAY_SETTINGS_INVALID', message })
  const login = { loginScopes: ['openid'] }
  refused({ loginDpop: true }, /^Settings of the gateway: loginDpop: there is no login, set loginScopes$/)
  refused({ loginParameters: ['audience=api'] }, /loginParameters: there is no login, set loginScopes$/)
  refused({ loginParameters: ['audience'], ...login }, /loginParameters: "audience" is not name=value$/)
  refused(
    { backchannelLogout: true, sessionStore: 'postgres' },
    /backchannelLogout: needs loginScopes and a sessionStore/
  )
  refused({ backchannelLogout: true, ...login }, /backchannelLogout: needs loginScopes and a sessionStore/)
  checkSettings({ ...SETTINGS, ...login, loginDpop: true, backchannelLogout: true, sessionStore: 'postgres' })
})

t.test('Redis is reached over TLS, or on loopback', async t => {
  for (const redisUrl of ['rediss://limits.internal:6379', 'redis://127.0.0.1:6379']) {
    checkSettings({ ...SETTINGS, redisUrl })
  }
  t.throws(() => {
    checkSettings({ ...SETTINGS, redisUrl: 'redis://:secret@limits.internal:6379' })
  }, /^Settings of the gateway: redisUrl: redis:\/\/ is for a loopback address only; elsewhere it has to be rediss:\/\/$/)
})

t.test('trails to search are an audience and the address of its audit route, and nothing else', async t => {
  checkSettings({ ...SETTINGS, auditTrails: ['order-service=https://orders.example/audit'] })
  for (const wrong of [
    'orders',
    'https://orders.example/audit',
    'orders=ftp://x/audit',
    'a=https://u@x/',
    'a=https://x/?y'
  ]) {
    t.throws(
      () => {
        checkSettings({ ...SETTINGS, auditTrails: [wrong] })
      },
      { message: /auditTrails: .* is not audience=https:\/\/origin\/path/ },
      wrong
    )
  }
})
