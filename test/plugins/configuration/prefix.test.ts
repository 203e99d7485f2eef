import configuration, { loadSettings } from '@sallyport/configuration'
import Fastify from 'fastify'
import t from 'tap'
import { Type } from 'typebox'

const schema = Type.Object({ issuer: Type.String({ format: 'secure-url' }), port: Type.Integer({ default: 1 }) })
const ISSUER = 'https://issuer.example'

t.test('variables begin with the prefix of the app, and those of others are not looked at', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const environment = { ACME_ISSUER: ISSUER, PORT: '3', SALLYPORT_COLOUR: 'red' }
  await app.register(configuration, { schema, environment, prefix: 'ACME_' })
  t.same(app.settings, { issuer: ISSUER, port: 3 })
})

t.test('an unknown variable with the prefix and a missing one are named by it', async t => {
  t.throws(
    () => loadSettings({ schema, environment: { ACME_COLOUR: 'red', SALLYPORT_ISSUER: ISSUER }, prefix: 'ACME_' }),
    {
      code: 'SALLYPORT_CONFIGURATION_INVALID',
      message: /ACME_COLOUR: .*no such setting[^]*issuer: .*set ACME_ISSUER/
    }
  )
})

t.test('a prefix that would take every variable for ours fails the boot', async t => {
  for (const prefix of ['', '_', 'acme_', 'ACME', '1_', null]) {
    t.throws(() => loadSettings({ schema, environment: {}, prefix: prefix as never }), {
      code: 'SALLYPORT_CONFIGURATION_OPTIONS_INVALID',
      message: /prefix must/
    })
  }
})
