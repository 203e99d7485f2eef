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
  t.ok(app.hasPlugin('@fastify/env'), 'which checked them')
  t.equal(app.getEnvs(), app.settings)
  await app.close()
})

t.test('settings that were loaded before are the same in the app', async t => {
  const app = Fastify()
  const settings = loadSettings({ schema, environment: { SALLYPORT_ISSUER: 'https://issuer.example' } })
  await app.register(configuration, { settings })
  t.equal(app.settings, settings.values)
  t.ok(Object.isFrozen(app.settings))
  t.notOk(app.hasPlugin('@fastify/env'), 'and are not checked again')
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

t.test('what one app is told at its boot is what a loader without an app is told', async t => {
  const cross = Type.Object({
    from: Type.Integer(),
    to: Type.Integer(),
    secret: Type.String({ secret: true, minLength: 9 })
  })
  const environments = [
    { SALLYPORT_FROM: 'x', SALLYPORT_TO: '1', SALLYPORT_SECRET: 'short' },
    { SALLYPORT_FROM: '2', SALLYPORT_TO: '1', SALLYPORT_SECRET: 'long enough' }
  ]
  for (const environment of environments) {
    const sources = { schema: cross, environment, mistakes: () => ['from: is after to'] }
    let told = ''
    try {
      loadSettings(sources)
    } catch (error) {
      told = (error as Error).message
    }
    await t.rejects(async () => await Fastify().register(configuration, sources), { message: told })
    t.notMatch(told, 'short')
  }
})

t.test('the README lists every error', async t => {
  errorsTableEquals(t, 'plugins/configuration/README.md', errors)
})
