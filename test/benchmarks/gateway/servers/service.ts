// A route of a service: bare Fastify, or with authentication and authorization of a token that is known.
import type { AddressInfo } from 'node:net'
import authentication, { createJwksKeySource, createStatusListSource } from '@sallyport/authentication'
import authorization, { allOf, role, scope } from '@sallyport/authorization'
import { createPeerAgent } from '@sallyport/secure-transport'
import securityContext from '@sallyport/security-context'
import Fastify from 'fastify'
import type { MeasuredServer } from '../../support/types.ts'
import { readServerFacts } from '../server-facts.ts'

/** @param given {@link readServerFacts}; `secured`: whether somebody is asked who they are */
export default async function startService(given: Readonly<Record<string, unknown>>): Promise<MeasuredServer> {
  const { ca, issuer, audience, jwksUri, statusLists } = readServerFacts(given)
  const app = Fastify({ logger: false })
  if (given.secured === true) {
    const dispatcher = createPeerAgent({ ca })
    const keys = createJwksKeySource({ jwksUri, dispatcher })
    const status = createStatusListSource({ issuer, keys, allowedUris: statusLists, dispatcher })
    await app.register(securityContext)
    await app.register(authentication, { issuer, audience, keys, status })
    await app.register(authorization, {})
    app.addHook('onClose', async () => {
      await Promise.all([keys.close(), status.close()])
      await dispatcher.destroy()
    })
  }
  const access = allOf(role('CUSTOMER'), scope('orders:read'))
  app.get('/orders/:orderId', { config: { access } }, async () => ({ id: '1', state: 'accepted', total: '18.40' }))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, requests: {}, close: () => app.close() }
}
