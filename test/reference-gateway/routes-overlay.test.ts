// An overlay of routes in the settings of the gateway: at the start, and when the file under it changes.
import { join } from 'node:path'
import { loadSettings } from '@sallyport/configuration'
import t, { type Test } from 'tap'
import { forwardingSubscribers } from '../../reference-gateway/src/forwarding-subscriber.ts'
import { program } from '../../reference-gateway/src/program.ts'
import { settingsSchema } from '../../reference-gateway/src/settings.ts'
import { startEdge } from '../support/edge.ts'
import { localTable } from '../support/local-table.ts'

const ORIGIN = 'https://services.internal'
const FILE = `
upstreams:
  orders: { origin: https://orders.internal }
routes:
  - { path: /orders/*, upstream: orders, forward: none, access: authenticated }
`

function read(path: string, changes: Readonly<Record<string, string>> = {}) {
  const environment = { SALLYPORT_ISSUER: 'https://issuer.example', SALLYPORT_ROUTES_PATH: path, ...changes }
  return loadSettings({
    schema: settingsSchema,
    environment,
    mistakes: values => program.definition.mistakes(values, environment)
  })
}

function fileOf(t: Test, text: string): string {
  return join(t.testdir({ 'gateway.yaml': text }), 'gateway.yaml')
}

t.test('a start reads the overlay over the file of routes, and every mistake in it is named', async t => {
  const path = fileOf(t, FILE)
  const good = '{"routes":[{"path":"/orders/*","maxBodyBytes":50}]}'
  t.equal(read(path, { SALLYPORT_ROUTES_OVERLAY: good }).values.routesOverlay, good)
  const weaker = '{"routes":[{"path":"/orders/*","access":"public"},{"path":"/x"}]}'
  t.throws(() => read(path, { SALLYPORT_ROUTES_OVERLAY: weaker }), {
    code: 'SALLYPORT_CONFIGURATION_INVALID',
    message: /routesOverlay:1:41: access asks less[^]*routesOverlay:1:51: upstream is missing/
  })
  t.doesNotThrow(() => read(fileOf(t, 'routes: nonsense'), { SALLYPORT_ROUTES_OVERLAY: weaker }), 'the file says why')
})

t.test(
  'an overlay that a running gateway refuses changes nothing, and so does a file that it does not go over',
  async t => {
    const { app } = await startEdge(t)
    const { values: settings } = read(fileOf(t, FILE))
    const table = localTable({ orders: ORIGIN, restaurants: ORIGIN, deliveries: ORIGIN, authServer: ORIGIN })
    const { routes, settings: subscriber } = forwardingSubscribers(app, settings, table, [])
    const overlaid = (routesOverlay: string) => subscriber.validate({ ...settings, routesOverlay })
    await t.rejects(async () => await overlaid('{"upstreams":{"order-service":{"origin":"https://x"}}}'), {
      code: 'SALLYPORT_GATEWAY_OVERLAY_INVALID',
      message: /routesOverlay:1:32: origin is only ever pushed/
    })
    const limits = await overlaid('{"upstreams":{"order-service":{"maxConnections":2}}}')
    await limits.apply()
    const { 'order-service': _, ...others } = table.upstreams
    const without = { ...table, upstreams: others, routes: table.routes.filter(({ upstream }) => upstream in others) }
    await t.rejects(async () => await routes.validate(without), {
      code: 'SALLYPORT_GATEWAY_OVERLAY_INVALID',
      message: /there is no upstream "order-service" among the pushed ones/
    })
    await limits.undo()
    await t.resolves(async () => await routes.validate(without), 'without the overlay the file is right')
  }
)

t.test('every limit of the gateway that a server may set is live', async t => {
  const explained = read(fileOf(t, FILE)).explain()
  t.same(
    explained.filter(({ pulled, live }) => pulled && !live).map(({ setting }) => setting),
    []
  )
})
