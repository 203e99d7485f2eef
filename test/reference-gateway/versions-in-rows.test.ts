// Rows of the gateway's trail say which policies, routes and settings were in force.
import { settingsSchema } from '@sallyport/reference-gateway'
import { loadSettings } from '@sallyport/configuration'
import { openLiveSettings } from '@sallyport/service-process'
import t from 'tap'
import { routesFingerprint, type RoutesReading } from '../../reference-gateway/src/routes-file.ts'
import { accessToken, oneRoute, SETTINGS, startEdge } from '../support/edge.ts'

const ENVIRONMENT = {
  DATABASE_URL: 'postgres://nobody@127.0.0.1/none',
  SALLYPORT_ISSUER: 'https://issuer.example',
  SALLYPORT_ROUTES_PATH: 'unused',
  SALLYPORT_CLIENT_SECRET: SETTINGS.clientSecret ?? '',
  SALLYPORT_ALLOWED_HOSTS: '127.0.0.1'
}
const readWith = (more: Readonly<Record<string, string>>) =>
  loadSettings({ schema: settingsSchema, environment: { ...ENVIRONMENT, ...more } })

t.test('a row has the versions of its moment: another table and other settings show in the next one', async t => {
  const table = oneRoute()('https://order-service.sallyport.internal:1')
  const [first, second] = [table, oneRoute({ path: '/parcels/*' })(table.upstreams.orders?.origin ?? '')].map(
    (one): RoutesReading => ({ table: one, mistakes: [] })
  ) as [RoutesReading, RoutesReading]
  let said = first
  let hangUp = async (): Promise<void> => {}
  const opened = openLiveSettings(readWith({}))
  const edge = await startEdge(t, {
    table: () => table,
    live: opened.live,
    collaborators: {
      routes: {
        file: { path: '/etc/gateway/gateway.yaml', read: () => said },
        first,
        readAgainAtHangup: readAgain => {
          hangUp = readAgain
        },
        watch: () => ({ close: () => {} }),
        startTimer: () => ({ stop: () => {} }),
        schedule: () => ({ stop: () => {} })
      }
    }
  })
  const admin = { authorization: `Bearer ${await accessToken({ roles: ['ADMIN'], scope: 'audit:read' })}` }
  const versions = async (): Promise<[string, string]> => {
    await edge.app.inject({ url: '/audit/events', headers: admin })
    const row = await edge
      .db('audit_events')
      .where({ action: 'audit.search' })
      .orderBy('occurred_at', 'desc')
      .first<{ policy_version: string; configuration_version: string }>('policy_version', 'configuration_version')
    return [row.policy_version, row.configuration_version]
  }
  const policyOf = (reading: RoutesReading): string =>
    `${edge.app.policyVersion()}/${routesFingerprint(reading).slice(0, 12)}`
  const before = opened.live.state().digest
  t.same(await versions(), [policyOf(first), `1:${before}`])

  said = second
  await hangUp()
  t.same(await versions(), [policyOf(second), `1:${before}`], 'another file of routes')
  t.not(policyOf(first), policyOf(second))
  const reload = await edge.db('audit_events').where({ action: 'routes.reload' }).first('policy_version')
  t.match(reload, { policy_version: policyOf(second) }, 'the row of the reload itself too')

  t.ok(await opened.take(() => readWith({ SALLYPORT_UPSTREAM_TIMEOUT_MS: '4000' })))
  const after = opened.live.state().digest
  t.not(after, before)
  t.same(await versions(), [policyOf(second), `2:${after}`], 'other settings')
  t.equal(await opened.take(() => readWith({ PORT: '1' })), false)
  t.same(await versions(), [policyOf(second), `2:${after}`], 'those that were refused are in no row')
})
