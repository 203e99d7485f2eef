import { demoRegistry } from '@sallyport/auth-server'
import { allPorts, PROCESSES, SERVICES, withOwnPorts } from '@sallyport/local'
import t from 'tap'

const PARCEL = {
  name: 'parcel-service',
  port: 8170,
  scopes: [{ name: 'parcels:write', description: 'Send parcels' }, { name: 'orders:read' }],
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
  t.equal(withOwnPorts([...SERVICES, PARCEL]).length, SERVICES.length + 1)
  t.throws(() => withOwnPorts([...SERVICES, { ...PARCEL, port: 8083 }]), {
    message: 'restaurant-service and parcel-service both have port 8083'
  })
})

t.test(
  'what is registered follows from the descriptions: audience, scopes, the client, and who else has them',
  async t => {
    const { audiences, scopes, clients, keyClients } = demoRegistry([...SERVICES, PARCEL])
    t.ok(audiences.includes('parcel-service'))
    const scopesAt = (audience: string) => scopes.filter(scope => scope.audience === audience).map(({ name }) => name)
    t.strictSame(scopesAt('parcel-service'), [
      'parcels:write',
      'orders:read',
      'audit:read',
      'audit:personal',
      'operations'
    ])
    t.ok(scopesAt('sallyport-gateway').includes('parcels:write'), 'a described scope is at the edge too')
    const own = clients.find(({ id }) => id === 'parcel-service')
    t.match(own, { ownAudience: 'parcel-service', audiences: ['order-service'], scopes: ['orders:read'] })
    t.ok(clients.find(({ id }) => id === 'gateway')?.audiences?.includes('parcel-service'))
    const withScope = (name: string) =>
      [...clients, ...keyClients].filter(client => client.scopes?.includes(name)).map(({ id }) => id)
    t.same(withScope('parcels:write'), [
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
