// Limits that change while a service runs are used from then on, without a restart.
import { loadSettings } from '@sallyport/configuration'
import * as orderService from '@sallyport/order-service'
import { DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'
import type { Schedule } from '@sallyport/security-context/mechanics'
import { openLiveSettings } from '@sallyport/service-process'
import t from 'tap'
import { send } from './support/recovery.ts'
import { SETTINGS, startService, startUpstream } from './support/services.ts'

const [restaurant] = DEMO_RESTAURANTS
const NEW_ORDER = {
  restaurantId: restaurant.restaurantId,
  lines: [{ menuItemId: restaurant.items[0]!.menuItemId, quantity: 1 }],
  deliveryAddress: '1 Harbour Street'
}
const ENVIRONMENT = {
  DATABASE_URL: 'postgres://nobody@127.0.0.1/none',
  SALLYPORT_ISSUER: 'https://issuer.example',
  SALLYPORT_CLIENT_ID: 'order-service',
  SALLYPORT_CLIENT_SECRET: 'a-secret-of-this-test-and-of-nothing-else',
  SALLYPORT_UPSTREAM_TIMEOUT_MS: '60000'
}

function read(changes: Readonly<Record<string, string>> = {}) {
  return loadSettings({ schema: orderService.settingsSchema, environment: { ...ENVIRONMENT, ...changes } })
}

t.test('the limit of calls and the interval of recovery follow the settings of a running service', async t => {
  const released = Promise.withResolvers<object>()
  const origin = await startUpstream(t, app => {
    app.all('/*', async () => await released.promise)
  })
  const intervals: number[] = []
  let stopped = 0
  const recoverySchedule: Schedule = (_run, intervalMs) => {
    intervals.push(intervalMs)
    return {
      stop: () => {
        stopped++
      }
    }
  }
  const opened = openLiveSettings(read())
  const service = {
    ...orderService,
    buildApp: (...[settings, collaborators]: Parameters<typeof orderService.buildApp>) =>
      orderService.buildApp(settings, collaborators, opened.live)
  }
  const settings = { ...SETTINGS, restaurantServiceOrigin: origin }
  const orders = await startService(t, service, settings, { recoverySchedule })
  t.same(intervals, [1000])
  const faster = { SALLYPORT_UPSTREAM_TIMEOUT_MS: '100', SALLYPORT_RECOVERY_INTERVAL_MS: '250' }
  t.ok(await opened.take(() => read(faster)))
  t.same(intervals, [1000, 250], 'the wait under way is not waited for')
  t.equal(stopped, 1)
  const answer = await send(orders, 'order-service', 'customer1', 'POST', '/orders', NEW_ORDER)
  t.equal(answer.statusCode, 504, 'and not after the minute of the start')
  released.resolve({})
  const versions = (await orders.audit()).map(({ configuration_version: version }) => version)
  t.equal(versions.at(-1), `2:${opened.live.state().digest}`, 'rows say which settings were in force')
  t.ok(await opened.take(() => read({ ...faster, SALLYPORT_RECOVERY_AGE_MS: '20000' })))
  t.same(intervals, [1000, 250], 'another change leaves the wait alone')
})
