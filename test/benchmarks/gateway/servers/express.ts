// Express 5 with http-proxy-middleware behind express-oauth2-jwt-bearer, from their own lock file.
import { createRequire } from 'node:module'
import { Agent, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { MeasuredServer } from '../../support/types.ts'
import { readServerFacts } from '../server-facts.ts'

/** The parts of the three packages that are used; they are not dependencies of this repository. */
interface ExpressApp {
  use: (...handlers: unknown[]) => void
  listen: (port: number, host: string, listening: () => void) => Server
}

/** @param given {@link readServerFacts} and `stack`: the folder where the packages are installed */
export default async function startExpress(given: Readonly<Record<string, unknown>>): Promise<MeasuredServer> {
  const { upstream, issuer, audience, jwksUri } = readServerFacts(given)
  const load = createRequire(join(String(given.stack), 'package.json'))
  const express = load('express') as () => ExpressApp
  const { createProxyMiddleware } = load('http-proxy-middleware') as {
    createProxyMiddleware: (options: object) => unknown
  }
  const { auth } = load('express-oauth2-jwt-bearer') as { auth: (options: object) => unknown }
  const app = express()
  app.use(auth({ issuer, audience, jwksUri, tokenSigningAlg: 'ES256' }))
  app.use(
    createProxyMiddleware({
      target: upstream,
      changeOrigin: true,
      agent: new Agent({ keepAlive: true, maxSockets: 128 })
    })
  )
  // Express would print the stack of each refusal.
  app.use((error: { status?: number }, _request: unknown, response: ServerResponse, _next: unknown) => {
    response.statusCode = error.status ?? 500
    response.end()
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  const server = app.listen(0, '127.0.0.1', resolve)
  await promise
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    requests: {},
    close: async () => {
      server.closeAllConnections()
    }
  }
}
