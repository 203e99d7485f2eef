// `GET /info`: what runs here, for operators.
import { loadSettings } from '@sallyport/configuration'
import health from '@sallyport/health'
import { openLiveSettings } from '@sallyport/service-process'
import Fastify from 'fastify'
import t from 'tap'
import Type from 'typebox'
import { serveInfo } from '../../../plugins/service-process/src/info-route.ts'

const schema = Type.Object({
  perMinute: Type.Integer({ default: 1, minimum: 1, live: true }),
  token: Type.String({ secret: true, live: true })
})
const read = (perMinute: string) =>
  loadSettings({ schema, environment: { SALLYPORT_PER_MINUTE: perMinute, SALLYPORT_TOKEN: 'canary' } })

t.test('/info has the version of the build, of the settings and of the policies, and no value', async t => {
  const { live, take } = openLiveSettings(read('1'))
  const app = Fastify()
  await app.register(health, {})
  app.decorate('policyVersion', () => '0123456789ab')
  serveInfo(app, 'hello', { version: '1.2.3', commit: 'abc', node: '24.0.0' }, live)
  t.teardown(() => app.close())
  await app.ready()
  const info = async () => {
    const answer = await app.operations.inject('/info')
    t.equal(answer.headers['cache-control'], 'no-store')
    t.notMatch(answer.body, /canary|perMinute/)
    return answer.json<{ readonly configuration: { readonly digest: string } }>()
  }
  const first = await info()
  t.match(first, {
    process: 'hello',
    version: '1.2.3',
    commit: 'abc',
    configuration: { version: 1, refused: 0 },
    policy: { version: '0123456789ab' }
  })
  await take(() => read('2'))
  await take(() => read('0'))
  const second = await info()
  t.match(second, { configuration: { version: 2, refused: 1 } })
  t.not(second.configuration.digest, first.configuration.digest)
})

t.test('/info is nowhere but on the listener for operators', async t => {
  const { live } = openLiveSettings(read('1'))
  const build = { version: '1.2.3', commit: null, node: '24.0.0' }
  const app = Fastify()
  await app.register(health, {})
  serveInfo(app, 'hello', build, live)
  t.teardown(() => app.close())
  await app.ready()
  t.equal((await app.inject('/info')).statusCode, 404)
  t.equal((await app.operations.inject('/info')).json<{ readonly policy: unknown }>().policy, null)
  const without = Fastify()
  serveInfo(without, 'hello', build, live)
  t.equal((await without.inject('/info')).statusCode, 404, 'an app without such a listener has none')
})
