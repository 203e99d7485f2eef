// The routes for operators on the operations listener of a real service.
import * as orderService from '@sallyport/order-service'
import t from 'tap'
import { as, SETTINGS, startService } from '../support/services.ts'

const NAME = orderService.PROCESS_NAME
const operator = async () => await as('admin1', NAME, { scope: 'operations' })

t.test('operators see and change what is inside a service; strangers, users and half-operators do not', async t => {
  const { app, audit } = await startService(t, orderService, {
    ...SETTINGS,
    restaurantServiceOrigin: 'http://127.0.0.1:9'
  })
  const { operations } = app
  const refused = [
    { headers: {}, status: 401 },
    { headers: await as('customer1', NAME, { scope: 'operations' }), status: 403 },
    { headers: await as('admin1', NAME, { scope: 'audit:read' }), status: 403 },
    { headers: await as('admin1', 'restaurant-service', { scope: 'operations' }), status: 401 }
  ]
  const payload = { level: 'debug', forSeconds: 60 }
  for (const { headers, status } of refused) {
    for (const url of ['/operator/health', '/operator/exceptions', '/operator/log-level']) {
      t.equal((await operations.inject({ url, headers })).statusCode, status, `${url} ${status}`)
    }
    const change = await operations.inject({ method: 'PUT', url: '/operator/log-level', headers, payload })
    t.equal(change.statusCode, status)
  }
  t.equal(app.logLevels.state().level, SETTINGS.logLevel, 'nothing has changed')

  const headers = await operator()
  const health = await operations.inject({ url: '/operator/health', headers })
  t.equal(health.statusCode, 200)
  t.equal(health.headers['cache-control'], 'no-store')
  t.match(health.json(), { started: false, ready: false })
  t.strictSame((await operations.inject({ url: '/operator/exceptions', headers })).json(), { exceptions: [] })

  const changed = await operations.inject({ method: 'PUT', url: '/operator/log-level', headers, payload })
  t.equal(changed.statusCode, 200)
  t.match(changed.json(), { level: 'debug', usual: SETTINGS.logLevel, until: /^\d{4}-/ })
  t.equal(app.log.level, 'debug')
  t.match((await operations.inject({ url: '/operator/log-level', headers })).json(), changed.json())
  for (const wrong of [
    { level: 'silent' },
    { level: 'loud' },
    { level: 'info', forSeconds: 0 },
    { level: 'info', x: 1 }
  ]) {
    const answer = await operations.inject({ method: 'PUT', url: '/operator/log-level', headers, payload: wrong })
    t.equal(answer.statusCode, 400, JSON.stringify(wrong))
  }
  t.equal(app.log.level, 'debug')

  const rows = (await audit()).filter(({ action }) => action === 'log-level.change')
  t.match(
    rows.map(({ outcome, subject, detail }) => ({ outcome, subject, detail })),
    [
      { outcome: 'denied', subject: /1$/ },
      { outcome: 'denied', subject: /7$/ },
      { outcome: 'success', subject: /7$/, detail: { from: SETTINGS.logLevel, to: 'debug', forSeconds: 60 } }
    ]
  )
  t.equal((await app.inject({ url: '/operator/health', headers })).statusCode, 404, 'not on the main listener')
})

t.test('a change of the level that cannot be recorded does not happen', async t => {
  const { app, db } = await startService(t, orderService, {
    ...SETTINGS,
    restaurantServiceOrigin: 'http://127.0.0.1:9'
  })
  await db.destroy()
  const headers = await operator()
  const change = { method: 'PUT', url: '/operator/log-level', headers, payload: { level: 'trace' } } as const
  t.equal((await app.operations.inject(change)).statusCode, 503)
  t.equal(app.log.level, SETTINGS.logLevel)
})

t.test('a service without keys of its issuer is not ready, since it can verify no token', async t => {
  let hasKeys = false
  const keys = {
    find: async () => null,
    isPublished: () => false,
    ready: async () => {
      if (!hasKeys) throw new Error('no keys yet')
    },
    ageMs: () => null,
    close: async () => {}
  }
  const settings = { ...SETTINGS, restaurantServiceOrigin: 'http://127.0.0.1:9' }
  const { app } = await startService(t, orderService, settings, { keys })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const probe = async (name: string): Promise<number> => (await app.operations.inject(`/health/${name}`)).statusCode
  t.strictSame([await probe('live'), await probe('startup'), await probe('ready')], [200, 200, 503])
  const metrics = (await app.operations.inject('/metrics')).body
  t.match(metrics, 'sallyport_health_check_passing{check="keys",process="order-service"} 0')
  t.match(metrics, 'sallyport_ready{process="order-service"} 0')
  t.notMatch(metrics, /\nsallyport_key_set_age_seconds/, 'no age before there is one')
  hasKeys = true
  t.equal(await probe('ready'), 200)
})
