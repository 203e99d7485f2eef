import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import { UndeclaredRouteError, UndeclaredRoutesError } from './errors.ts'

/** The members of a route's `config` that a plugin can require. */
export type DeclarationKey = 'access' | 'audit'

interface SeenRoute {
  readonly method: string
  readonly url: string
}

/**
 * Makes a member of every route's `config` mandatory: missing at boot is an error that names all routes without it,
 * missing at request time is a refusal.
 *
 * Fastify's onRoute hook does not see routes added before the hook, nor routes of a plugin whose `register` ran before
 * and was not awaited; so there are three nets: the hook, a walk over the printed route tree once everything is
 * loaded, and a check of each matched request. HEAD routes made by Fastify share the config of their GET route.
 *
 * @param fastify the instance whose routes (and its children's) must declare
 * @param key the member of `config`
 * @throws {UndeclaredRoutesError} from `ready()`, `SALLYPORT_CONTEXT_ROUTES_UNDECLARED`
 */
export function requireRouteDeclaration(fastify: FastifyInstance, key: DeclarationKey): void {
  const declared = new Set<string>()
  const undeclared: SeenRoute[] = []

  fastify.addHook('onRoute', function collectDeclaration(route: RouteOptions) {
    for (const method of [route.method].flat()) {
      if (route.config?.[key] === undefined) undeclared.push({ method, url: route.url })
      else declared.add(`${method} ${withoutTrailingSlash(route.url)}`)
    }
  })

  fastify.addHook('onReady', function refuseUndeclaredRoutes(done) {
    const missing = new Set(undeclared.map(({ method, url }) => `${method} ${url}`))
    for (const route of printedRoutes(fastify)) if (!declared.has(withoutTrailingSlash(route))) missing.add(route)
    done(missing.size === 0 ? undefined : new UndeclaredRoutesError(key, [...missing].sort().join(', ')))
  })

  fastify.addHook('onRequest', function refuseUndeclaredRequest(request: FastifyRequest, _reply, done) {
    const undeclaredHere = !request.is404 && request.routeOptions.config[key] === undefined
    done(undeclaredHere ? new UndeclaredRouteError() : undefined)
  })
}

/** The route `/` of a prefixed plugin serves two paths and passes onRoute once: both take the one declaration. */
function withoutTrailingSlash(url: string): string {
  return url.length > 1 && url.endsWith('/') ? url.slice(0, -1) : url
}

/**
 * Every route of the instance as `METHOD /path`, read from the printed radix tree: the only public view that includes
 * routes which no onRoute hook of ours saw. HEAD is left out: it takes the declaration of its GET route.
 */
function printedRoutes(fastify: FastifyInstance): string[] {
  const routes: string[] = []
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
      if (method !== '' && method !== 'HEAD') routes.push(`${method} ${prefixes[depth]}`)
    }
  }
  return routes
}
