// Kubernetes sets variables for each Service beside a process; their names are not ours to choose.
import { loadSettings } from '@sallyport/configuration'
import t from 'tap'
import { Type } from 'typebox'

/** What a container gets for a Service with one named port, as the kubelet writes it. */
function linksOf(name: string, address = '10.96.0.11', port = 8080): Record<string, string> {
  return {
    [`${name}_SERVICE_HOST`]: address,
    [`${name}_SERVICE_PORT`]: String(port),
    [`${name}_SERVICE_PORT_HTTP`]: String(port),
    [`${name}_PORT`]: `tcp://${address}:${port}`,
    [`${name}_PORT_${port}_TCP`]: `tcp://${address}:${port}`,
    [`${name}_PORT_${port}_TCP_PROTO`]: 'tcp',
    [`${name}_PORT_${port}_TCP_PORT`]: String(port),
    [`${name}_PORT_${port}_TCP_ADDR`]: address
  }
}

const schema = Type.Object({
  greeting: Type.String({ default: 'hello' }),
  operationsPort: Type.Integer({ default: 1 }),
  brokerUrl: Type.Optional(Type.String()),
  secretPort: Type.Optional(Type.String({ secret: true }))
})

const settingsFrom = (environment: Record<string, string>, prefix = 'SALLYPORT_') =>
  loadSettings({ schema, environment, prefix }).values

t.test('a process beside Services whose names begin like its variables boots', async t => {
  for (const name of ['SALLYPORT_GATEWAY', 'SALLYPORT', 'SALLYPORT_ORDER_SERVICE']) {
    t.same(settingsFrom({ ...linksOf(name), SALLYPORT_GREETING: 'hi' }), { greeting: 'hi', operationsPort: 1 }, name)
  }
  const several = { ...linksOf('SALLYPORT_GATEWAY'), ...linksOf('SALLYPORT_GATEWAY_CANARY', 'fd00::7', 53) }
  t.same(settingsFrom({ ...several, SALLYPORT_GATEWAY_CANARY_PORT_53_UDP: 'udp://[fd00::7]:53' }).greeting, 'hello')
  t.same(settingsFrom(linksOf('ACME_SHOP'), 'ACME_').greeting, 'hello', 'with the prefix of an app')
})

t.test(
  'without both _SERVICE_HOST and _SERVICE_PORT nothing is a link, and an unknown variable is a mistake',
  async t => {
    const links = linksOf('SALLYPORT_GATEWAY')
    for (const missing of ['SALLYPORT_GATEWAY_SERVICE_HOST', 'SALLYPORT_GATEWAY_SERVICE_PORT']) {
      const { [missing]: _, ...others } = links
      t.throws(() => settingsFrom(others), { message: /SALLYPORT_GATEWAY_PORT: is set .* no such setting/ }, missing)
    }
    t.throws(() => settingsFrom({ SALLYPORT_GATEWAY_PORT: 'tcp://10.96.0.11:8080' }), { message: /no such setting/ })
  }
)

t.test('beside a Service, what is no link of it is a mistake as ever', async t => {
  for (const unknown of [
    { SALLYPORT_GREETNG: 'hi' },
    { SALLYPORT_GATEWAY_GREETING: 'hi' },
    { SALLYPORT_GATEWAY_PORTS: '1' },
    { SALLYPORT_GATEWAY_PORT_X_TCP: 'tcp://10.0.0.1:1' },
    { SALLYPORT_GATEWAY_SERVICE_HOST_NAME: 'x' },
    { SALLYPORT_OTHER_PORT: 'tcp://10.0.0.1:1' }
  ]) {
    const [name = ''] = Object.keys(unknown)
    t.throws(
      () => settingsFrom({ ...linksOf('SALLYPORT_GATEWAY'), ...unknown }),
      { code: 'SALLYPORT_CONFIGURATION_INVALID', message: new RegExp(`1? ?mistake[^]*${name}: .*no such setting`) },
      name
    )
  }
  const typed = { ...linksOf('SALLYPORT_GATEWAY'), SALLYPORT_GATEWAY_PORT: '8080' }
  t.throws(() => settingsFrom(typed), { message: /SALLYPORT_GATEWAY_PORT: .*no such setting/ }, 'set by hand')
})

t.test('a setting whose variable a Service takes names the collision', async t => {
  t.throws(() => settingsFrom(linksOf('SALLYPORT_OPERATIONS')), {
    message:
      /a mistake:\n {2}operationsPort: SALLYPORT_OPERATIONS_PORT holds a link to the Kubernetes Service sallyport-operations .*enableServiceLinks: false/
  })
  t.throws(
    () => settingsFrom({ SALLYPORT_SECRET_PORT: 'tcp://10.96.0.11:8080' }),
    { message: /secretPort: SALLYPORT_SECRET_PORT holds a link to the Kubernetes Service sallyport-secret/ },
    'a string too, which would take it'
  )
  t.equal(settingsFrom({ SALLYPORT_BROKER_URL: 'tcp://broker.example:1883' }).brokerUrl, 'tcp://broker.example:1883')
})

t.test('the main port is not taken by a Service that is called like the prefix', async t => {
  const withPort = Type.Object({ port: Type.Integer() })
  const { values } = loadSettings({ schema: withPort, environment: { ...linksOf('SALLYPORT'), PORT: '3' } })
  t.same(values, { port: 3 })
})
