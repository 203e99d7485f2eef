import { demoRegistry } from '@sallyport/auth-server'
import { allPorts, PROCESSES, SERVICES, withOwnPorts } from '@sallyport/local'
import t from 'tap'

const RATING = {
  name: 'rating-service',
  port: 8085,
  scopes: [{ name: 'ratings:write', description: 'Rate restaurants' }, { name: 'orders:read' }],
  calls: { audiences: ['order-service'], scopes: ['orders:read'] }
}

t.test('a service of the list is a process with a package, an OAuth client and two ports of its own', async t => {
  for (const { name, port } of SERVICES) {
    t.match(
      PROCESSES.find(process => process.name === name),
      { packageName: `@sallyport/${name}`, clientId: name, portOffset: port - 8080 }
    )
  }
  const ports = allPorts(8080)
  t.equal(new Set(ports).size, ports.length)
})

t.test('two services on one port are refused by name', async t => {
  t.equal(withOwnPorts([...SERVICES, RATING]).length, SERVICES.length + 1)
  t.throws(() => withOwnPorts([...SERVICES, { ...RATING, port: 8083 }]), {
    message: 'restaurant-service and rating-service both have port 8083'
  })
})

t.test(
  'what is registered follows from the descriptions: audience, scopes, the client, and who else has them',
  async t => {
    const { audiences, scopes, clients, keyClients } = demoRegistry([...SERVICES, RATING])
    t.ok(audiences.includes('rating-service'))
    const scopesAt = (audience: string) => scopes.filter(scope => scope.audience === audience).map(({ name }) => name)
    t.strictSame(scopesAt('rating-service'), ['ratings:write', 'orders:read', 'audit:read'])
    t.ok(scopesAt('sallyport-gateway').includes('ratings:write'), 'a described scope is at the edge too')
    const own = clients.find(({ id }) => id === 'rating-service')
    t.match(own, { ownAudience: 'rating-service', audiences: ['order-service'], scopes: ['orders:read'] })
    t.ok(clients.find(({ id }) => id === 'gateway')?.audiences?.includes('rating-service'))
    const withScope = (name: string) =>
      [...clients, ...keyClients].filter(client => client.scopes?.includes(name)).map(({ id }) => id)
    t.same(withScope('ratings:write'), [
      'gateway',
      'machine-client',
      'opaque-client',
      'web-app',
      'native-app',
      'assertion-client',
      'mtls-client'
    ])
    t.same(withScope('tickets:recover'), ['order-service'], 'a scope without a description is of no client of the edge')
  }
)
