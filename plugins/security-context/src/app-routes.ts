import type { FastifyInstance } from 'fastify'

/** A route of Fastify's: one method, and the path as it was declared. */
export interface AppRoute {
  readonly method: string
  readonly url: string
}

/**
 * Every route that an app has by now, read from the printed radix tree: the only public view that includes routes which
 * no onRoute hook saw. HEAD is left out: it goes with its GET route.
 */
export function routesOfApp(fastify: FastifyInstance): AppRoute[] {
  const routes: AppRoute[] = []
  const prefixes: string[] = []
  for (const line of fastify.printRoutes().split('\n')) {
    const branch = /^((?:│ {3}| {4})*)[├└]── (.*)$/.exec(line)
    const [, indent, text] = branch ?? []
    if (indent === undefined || text === undefined) continue
    const depth = indent.length / 4
    const [, segment = text, methods = ''] = /^(.*?) \(([A-Z-]+(?:, [A-Z-]+)*)\)/.exec(text) ?? []
    prefixes.length = depth
    prefixes[depth] = (prefixes[depth - 1] ?? '') + (segment === '(empty root node)' ? '' : segment)
    for (const method of methods.split(', ')) {
      if (method !== '' && method !== 'HEAD') routes.push({ method, url: prefixes[depth] ?? '' })
    }
  }
  return routes
}
