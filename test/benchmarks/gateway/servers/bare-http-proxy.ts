// @fastify/http-proxy as its documentation registers it, without a log. With `jwt`: behind @fastify/jwt.
import type { AddressInfo } from 'node:net'
import httpProxy from '@fastify/http-proxy'
import jwt from '@fastify/jwt'
import Fastify from 'fastify'
import type { MeasuredServer } from '../../support/types.ts'
import { readServerFacts } from '../server-facts.ts'

/** @param given {@link readServerFacts}; `jwt`: `cached`, `uncached` or nothing */
export default async function startHttpProxy(given: Readonly<Record<string, unknown>>): Promise<MeasuredServer> {
  const { upstream, ca, publicKey, issuer, audience } = readServerFacts(given)
  const app = Fastify({ logger: false })
  if (given.jwt !== undefined) {
    await app.register(jwt, {
      secret: { public: publicKey },
      verify: {
        algorithms: ['ES256'],
        allowedIss: issuer,
        allowedAud: audience,
        cache: given.jwt === 'cached' ? 10_000 : false
      }
    })
    app.addHook('onRequest', async request => {
      await request.jwtVerify()
    })
  }
  await app.register(httpProxy, { upstream, undici: { connections: 128, connect: { ca } } })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, requests: {}, close: () => app.close() }
}
