// The trails of services, as they are read by those who may and may not read what rows say of persons.
import * as orderService from '@sallyport/order-service'
import t, { type Test } from 'tap'
import { startServer } from './configuration-server/support/configuration-server.ts'
import { checkPersonalReading } from '../support/read-trail.ts'
import { as, SETTINGS, startService } from './support/services.ts'

const agent = 'agent-of-a-person'

for (const [audience, start] of [
  [
    'order-service',
    async (t: Test) =>
      await startService(t, orderService, { ...SETTINGS, restaurantServiceOrigin: 'http://127.0.0.1:1' })
  ],
  ['configuration-server', async (t: Test) => await startServer(t)]
] as const) {
  t.test(`a reader of the trail of ${audience} sees no addresses and agents without a scope of their own`, async t => {
    const { app } = await start(t)
    const customer = { ...(await as('customer1', audience)), 'user-agent': agent }
    t.equal((await app.inject({ url: '/audit', headers: customer })).statusCode, 403)
    const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/audit`
    const reader = await as('admin1', audience, { scope: 'audit:read' })
    const trusted = await as('admin1', audience, { scope: 'audit:personal' })
    await checkPersonalReading(t, { url, reader, trusted }, 'audit.read', [agent, '127.0.0.1'])
  })
}
