// What operators watch of live settings.
import { loadSettings } from '@sallyport/configuration'
import metrics from '@sallyport/metrics'
import securityContext, { offerMeasurements } from '@sallyport/security-context'
import { openLiveSettings } from '@sallyport/service-process'
import Fastify from 'fastify'
import t from 'tap'
import Type from 'typebox'
import { settingsMeasurements } from '../../../plugins/service-process/src/measure-settings.ts'

const schema = Type.Object({ perMinute: Type.Integer({ default: 1, minimum: 1, live: true }) })
const read = (perMinute: string) => loadSettings({ schema, environment: { SALLYPORT_PER_MINUTE: perMinute } })

t.test('the metrics have the version of the settings, their digest, changes and refusals', async t => {
  const { live, take } = openLiveSettings(read('1'))
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  const operations = Fastify()
  await app.register(metrics, { exposeOn: operations, processMetrics: false })
  offerMeasurements(app, settingsMeasurements(live))
  await app.ready()
  const scrape = async (): Promise<string> => (await operations.inject('/metrics')).body
  t.match(await scrape(), 'sallyport_configuration_version 1')
  await take(() => read('2'))
  await take(() => read('0'))
  const lines = await scrape()
  for (const line of [
    'sallyport_configuration_version 2',
    `sallyport_configuration_info{digest="${live.state().digest}"} 1`,
    'sallyport_configuration_changes_total{outcome="taken"} 1',
    'sallyport_configuration_changes_total{outcome="refused"} 1',
    'sallyport_configuration_refused 1'
  ]) {
    t.match(lines, line)
  }
  await take(() => read('2'))
  t.match(await scrape(), 'sallyport_configuration_refused 0')
})
