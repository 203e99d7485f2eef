import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * The servers that Fastify makes beside `app.server`, one for each further address of `localhost`. Fastify does not
 * expose them; it gives them the requests of the app, and begins to close them when the first server has closed.
 */
export function furtherServers(app: FastifyInstance): readonly Server[] {
  const name = Object.getOwnPropertySymbols(app).find(({ description }) => description === 'fastify.serverBindings')
  const servers: unknown = name === undefined ? [] : Reflect.get(app, name)
  return Array.isArray(servers) ? servers : []
}

/** Lets `close` of one server close further ones and wait for all of them: Fastify waits only for the first. */
export function closeTogether(server: Server, further: readonly Server[]): void {
  const close = server.close.bind(server)
  server.close = done => {
    const closed = Promise.all(
      further.map(
        each =>
          new Promise(resolve => {
            each.close(resolve)
          })
      )
    )
    return close(error => {
      void closed.then(() => {
        done?.(error)
      })
    })
  }
}
