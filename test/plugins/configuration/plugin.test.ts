import configuration, { errors, loadSettings } from '@sallyport/configuration'
import Fastify from 'fastify'
import t from 'tap'
import { Type } from 'typebox'
import { errorsTableEquals } from '../../support/errors-table.ts'

const schema = Type.Object({ issuer: Type.String(), port: Type.Integer({ default: 8080 }) })

t.test('a bare app gets frozen settings from the environment', async t => {
  const app = Fastify()
  await app.register(configuration, { schema, environment: { SALLYPORT_ISSUER: 'https://issuer.example' } })
  t.strictSame(app.settings, { issuer: 'https://issuer.example', port: 8080 })
  t.ok(Object.isFrozen(app.settings))
  t.ok(app.hasPlugin('@sallyport/configuration'))
  await app.close()
})

t.test('settings that were loaded before are the same in the app', async t => {
  const app = Fastify()
  const settings = loadSettings({ schema, environment: { SALLYPORT_ISSUER: 'https://issuer.example' } })
  await app.register(configuration, { settings })
  t.strictSame(app.settings, settings.values)
  t.ok(Object.isFrozen(app.settings))
  await app.close()
})

t.test('a mistake fails the boot', async t => {
  const app = Fastify()
  await t.rejects(
    async () => {
      await app.register(configuration, { schema, environment: { SALLYPORT_PORTT: '1' } })
    },
    { code: 'SALLYPORT_CONFIGURATION_INVALID', message: /SALLYPORT_PORTT[^]*issuer: is required/ }
  )
})

t.test('the README lists every error', async t => {
  errorsTableEquals(t, 'plugins/configuration/README.md', errors)
})
