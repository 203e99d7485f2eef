import { isIP, type AddressInfo } from 'node:net'
import { loadSettings } from '@sallyport/configuration'
import { operations, processSettings, processSettingsMistakes, type ProcessSettings } from '@sallyport/service-process'
import { problemDetails } from '@sallyport/security-context'
import Fastify from 'fastify'
import t from 'tap'
import { Type } from 'typebox'
import { makeAuthority } from '../../support/certificates.ts'
import { PROCESS_SETTINGS } from '../../support/process-settings.ts'

const schema = Type.Object(processSettings({ port: 8080, operationsPort: 8180 }), { additionalProperties: false })
const read = (environment: Record<string, string>): ProcessSettings =>
  loadSettings({
    schema,
    environment: { DATABASE_URL: 'postgres://app@127.0.0.1/app', ...environment },
    mistakes: processSettingsMistakes
  }).values

t.test('by default the operations listener is on loopback, wherever the main one is, and load is shed', t => {
  const paths = { SALLYPORT_TLS_CERTIFICATE_PATH: 'c', SALLYPORT_TLS_PRIVATE_KEY_PATH: 'k', SALLYPORT_TLS_CA_PATH: 'a' }
  const settings = read({ SALLYPORT_HOST: '0.0.0.0', ...paths })
  t.match(settings, {
    host: '0.0.0.0',
    operationsHost: '127.0.0.1',
    operationsPort: 8180,
    maxEventLoopDelayMs: 500,
    databaseTimeoutMs: 5000,
    drainDelayMs: 5000
  })
  t.end()
})

t.test('plain HTTP beyond loopback, half of the TLS paths, proxies that are no address: each is told', t => {
  const told = (environment: Record<string, string>): string => {
    try {
      read(environment)
    } catch (error) {
      return (error as Error).message
    }
    return ''
  }
  t.match(told({ SALLYPORT_HOST: '10.0.0.1' }), /host: plain HTTP on 10\.0\.0\.1/)
  t.match(told({ SALLYPORT_OPERATIONS_HOST: '10.0.0.1' }), /operationsHost: plain HTTP on 10\.0\.0\.1/)
  t.match(told({ SALLYPORT_TLS_CA_PATH: 'a' }), /belong together/)
  t.match(
    told({ DATABASE_URL: 'postgres://app:hush@db.example/app?sslmode=require' }),
    /databaseUrl: reaches db\.example/
  )
  t.notMatch(told({ DATABASE_URL: 'postgres://app:hush@db.example/app' }), 'hush')
  for (const proxy of [
    '1',
    'loopback',
    '0.0.0.0/0',
    '::/0',
    '10.0.0.0/33',
    '::1/129',
    '10.0.0.0/8/8',
    '10.0.0',
    'proxy.example'
  ]) {
    t.match(told({ SALLYPORT_TRUSTED_PROXIES: proxy }), /trustedProxies/, proxy)
  }
  t.equal(told({ SALLYPORT_TRUSTED_PROXIES: '10.0.0.0/8 ::1 2001:db8::/32 127.0.0.1' }), '')
  t.end()
})

t.test('the operations listener has its own host, with TLS beyond loopback and plain on it', async t => {
  const issued = await (await makeAuthority()).issue({ names: ['localhost'] })
  const tls = { certificate: issued.certificate, privateKey: issued.privateKey, ca: issued.ca }
  for (const [operationsHost, scheme] of [
    ['127.0.0.1', 'http:'],
    ['0.0.0.0', 'https:']
  ] as const) {
    const app = Fastify()
    await app.register(operations, { settings: { ...PROCESS_SETTINGS, operationsHost }, tls, checks: {} })
    await app.listen({ host: '127.0.0.1', port: 0 })
    t.equal((app.operations.server.address() as AddressInfo).address, operationsHost)
    t.ok(isIP(operationsHost))
    t.equal(new URL(app.operations.listeningOrigin).protocol, scheme)
    await app.close()
  }
})

t.test('the thresholds of the settings shed, and readiness is answered meanwhile', async t => {
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  await app.register(problemDetails)
  let delay = 501
  const live = { current: { maxEventLoopDelayMs: 500, maxEventLoopUtilization: 1 } }
  let sample = async (): Promise<void> => {}
  await app.register(operations, {
    settings: { ...PROCESS_SETTINGS, maxEventLoopDelayMs: 500 },
    live,
    checks: {},
    meter: { read: () => ({ eventLoopDelay: delay, eventLoopUtilization: 1, heapUsedBytes: 0, rssBytes: 0 }) },
    schedule: run => {
      sample = run
      return { stop: () => {} }
    }
  })
  app.get('/', async () => 'served')
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.equal((await app.inject('/')).statusCode, 200)
  await sample()
  t.equal((await app.inject('/')).statusCode, 503)
  t.equal((await app.operations.inject('/health/ready')).statusCode, 200)
  delay = 500
  await sample()
  t.equal((await app.inject('/')).statusCode, 200)
  live.current = { maxEventLoopDelayMs: 400, maxEventLoopUtilization: 1 }
  await sample()
  t.equal((await app.inject('/')).statusCode, 503, 'a limit that has changed is used without a restart')
})
