import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * The servers that Fastify makes beside `app.server`, one for each further address of `localhost`. It has no name for
 * them that others could use; it gives them the app's requests, and begins to close them when the first has closed.
 */
export function furtherServers(app: FastifyInstance): readonly Server[] {
  const name = Object.getOwnPropertySymbols(app).find(({ description }) => description === 'fastify.serverBindings')
  const servers: unknown = name === undefined ? [] : Reflect.get(app, name)
  return Array.isArray(servers) ? servers : []
}

/** Lets a server's `close` close further ones too, and be done when all are: Fastify waits for the first alone. */
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
