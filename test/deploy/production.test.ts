import t from 'tap'
import { loadSettings } from '@sallyport/configuration'
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

t.test('P1: a short client secret is a mistake', async t => {
  t.match(mistakesOf(gateway, { ...demo, SALLYPORT_CLIENT_SECRET: 'short' }), /clientSecret: .*32/)
})
