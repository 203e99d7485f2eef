import { randomBytes } from 'node:crypto'
import t from 'tap'
import { loadSettings, settingsReference } from '@sallyport/configuration'
import { settingsSchema as authServer } from '@sallyport/auth-server'
import { settingsSchema as gateway } from '@sallyport/reference-gateway'

const mistakesOf = (
  schema: Parameters<typeof loadSettings>[0]['schema'],
  environment: Record<string, string>
): string => {
  try {
    loadSettings({ schema, environment })
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

const demo = {
  SALLYPORT_CLIENT_SECRET: `demo-${'x'.repeat(40)}`,
  SALLYPORT_SEALING_KEYS: `demo-1:${'A'.repeat(43)}`,
  SALLYPORT_AUDIT_NAME_KEY: `demo-1:${'A'.repeat(43)}`
}

t.test('P1: the launcher’s demo secrets do not start in production', async t => {
  const refused = mistakesOf(gateway, { ...demo, NODE_ENV: 'production' })
  t.match(refused, /clientSecret: .*demo/)
  t.match(refused, /sealingKeys: .*demo/)
  t.match(refused, /auditNameKey: .*demo/)
  const { SALLYPORT_CLIENT_SECRET: _none, ...ofAuthServer } = demo
  const refusedThere = mistakesOf(authServer, { ...ofAuthServer, NODE_ENV: 'production' })
  for (const setting of [/sealingKeys: .*demo/, /auditNameKey: .*demo/]) t.match(refusedThere, setting)
  t.notMatch(mistakesOf(gateway, { ...demo, NODE_ENV: 'development' }), /demo/, 'and do on a developer’s machine')
})

t.test('no process starts in production whose trail leaves personal values to whoever reads its database', async t => {
  const programs = {
    'auth-server': await import('../../auth-server/src/program.ts'),
    'reference-gateway': await import('../../reference-gateway/src/program.ts'),
    'order-service': await import('../../reference-services/order-service/src/program.ts'),
    'restaurant-service': await import('../../reference-services/restaurant-service/src/program.ts'),
    'delivery-service': await import('../../reference-services/delivery-service/src/program.ts'),
    'configuration-server': await import('../../reference-services/configuration-server/src/program.ts')
  }
  const key = (id: string): string => `${id}:${randomBytes(32).toString('base64url')}`
  const environment = {
    NODE_ENV: 'production',
    DATABASE_URL: 'postgres://nobody@127.0.0.1/none',
    SALLYPORT_ISSUER: 'https://issuer.example',
    SALLYPORT_TRUSTED_PROXIES: '127.0.0.1',
    SALLYPORT_CLIENT_ID: 'a-client',
    SALLYPORT_CLIENT_SECRET: 'x'.repeat(40),
    SALLYPORT_SEALING_KEYS: key('k1'),
    SALLYPORT_ROUTES_PATH: '/etc/gateway.yaml',
    SALLYPORT_RESTAURANT_SERVICE_ORIGIN: 'https://restaurants.example',
    SALLYPORT_DELIVERY_SERVICE_ORIGIN: 'https://deliveries.example'
  }
  for (const [name, { program }] of Object.entries(programs)) {
    const { settings: schema, mistakes } = program.definition
    const known = new Set(settingsReference(schema).map(({ variable }) => variable))
    const own = Object.fromEntries(
      Object.entries(environment).filter(([variable]) => variable === 'NODE_ENV' || known.has(variable))
    )
    const refusal = (more: Record<string, string>): string => {
      const { values } = loadSettings({ schema: schema as typeof gateway, environment: { ...own, ...more } })
      return (mistakes as (values: unknown, environment: object) => string[])(values, {}).join('\n')
    }
    t.match(refusal({}), 'auditPersonKeys: missing', name)
    t.notMatch(refusal({ SALLYPORT_AUDIT_PERSON_KEYS: key('persons') }), 'auditPersonKeys', name)
  }
})

t.test('P1: a short client secret is a mistake', async t => {
  t.match(mistakesOf(gateway, { ...demo, SALLYPORT_CLIENT_SECRET: 'short' }), /clientSecret: .*32/)
})
