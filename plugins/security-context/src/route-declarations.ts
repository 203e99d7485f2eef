import type { FastifyContextConfig, FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import { routesOfApp, type AppRoute } from './app-routes.ts'
import { effectiveRoute } from './effective-route.ts'
import {
  InvalidDeclarationError,
  UndeclaredRouteError,
  UndeclaredRoutesError,
  UnmatchedDeclarationError
} from './errors.ts'

/** The members of a route's `config` that a plugin can require. */
export type DeclarationKey = 'access' | 'audit'

/** What is declared for routes that somebody else's plugin adds. */
export interface RoutesDeclaration {
  /**
   * Exactly these, as `METHOD /url` with the url as the plugin writes it (`OPTIONS *`); a GET stands for its HEAD too.
   * Or all whose url is a prefix, or goes on after it with a slash.
   */
  readonly routes: readonly string[] | { readonly prefix: string }
  /** Taken for members that a route does not declare itself. */
  readonly config: Readonly<Pick<FastifyContextConfig, DeclarationKey>>
}

/** By server, which an app and all its encapsulated parts have in common. */
const declarationsByServer = new WeakMap<object, RoutesDeclaration[]>()

/**
 * Declares `config` for the routes of a plugin that knows nothing of it, such as `@fastify/cors`, `@fastify/static` or
 * `@fastify/swagger-ui`. Before or after the plugin, as long as the app is not ready. What a route declares itself
 * stays, and of two declarations the first.
 * @throws {InvalidDeclarationError} `SALLYPORT_CONTEXT_DECLARATION_INVALID`
 * @throws {UnmatchedDeclarationError} from `ready()`, `SALLYPORT_CONTEXT_DECLARATION_UNMATCHED`, when there are no such
 * routes
 */
export function declareRoutes(fastify: FastifyInstance, declaration: RoutesDeclaration): void {
  const { routes, config } = declaration
  const names = 'prefix' in routes ? [routes.prefix] : routes
  const form = 'prefix' in routes ? /^\/.*[^/]$/ : /^[A-Z-]+ [/*]/
  if (names.length === 0 || !names.every(name => form.test(name)) || Object.keys(config).length === 0) {
    throw new InvalidDeclarationError(JSON.stringify(declaration))
  }
  declarationsByServer.set(fastify.server, [...declarationsOf(fastify), declaration])

  fastify.addHook('onReady', function refuseUnmatchedDeclaration(done) {
    const added = routesOfApp(fastify)
    const unmatched = names.filter(name => {
      const one = 'prefix' in routes ? { prefix: name } : [name]
      return !added.some(route => isAmong(one, route))
    })
    done(unmatched.length === 0 ? undefined : new UnmatchedDeclarationError(unmatched.join(', ')))
  })
}

function declarationsOf({ server }: FastifyInstance): readonly RoutesDeclaration[] {
  return declarationsByServer.get(server) ?? []
}

/** What somebody declared for a route that does not do so itself. */
function declaredFor(
  fastify: FastifyInstance,
  key: DeclarationKey,
  route: AppRoute
): FastifyContextConfig[DeclarationKey] {
  return declarationsOf(fastify).find(({ routes, config }) => config[key] !== undefined && isAmong(routes, route))
    ?.config[key]
}

/** The methods of one route share its `config`: what is declared for some of them only is declared for none. */
function declaredForAll(
  fastify: FastifyInstance,
  key: DeclarationKey,
  routes: readonly AppRoute[]
): FastifyContextConfig[DeclarationKey] {
  const [first, ...others] = routes.map(route => declaredFor(fastify, key, route))
  return others.every(other => other === first) ? first : undefined
}

function isAmong(routes: RoutesDeclaration['routes'], { method, url }: AppRoute): boolean {
  if ('prefix' in routes) return url === routes.prefix || url.startsWith(`${routes.prefix}/`)
  return routes.includes(`${method} ${url}`) || (method === 'HEAD' && routes.includes(`GET ${url}`))
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
  const undeclared: AppRoute[] = []

  fastify.addHook('onRoute', function collectDeclaration(route: RouteOptions) {
    const routes = [route.method].flat().map(method => ({ method, url: route.url }))
    // What a route says itself stays, be it nonsense such as null: that is for the plugin to refuse.
    const own = route.config?.[key]
    const value = own === undefined ? declaredForAll(fastify, key, routes) : own
    if (value === undefined) {
      undeclared.push(...routes)
      return
    }
    route.config = { ...route.config, [key]: value }
    for (const seen of routes) declared.add(routeName(seen))
  })

  fastify.addHook('onReady', function refuseUndeclaredRoutes(done) {
    const unseen = routesOfApp(fastify).filter(route => !declared.has(routeName(route)))
    // Declared by somebody else since: filled in when the route is asked for.
    const missing = [...undeclared, ...unseen].filter(route => declaredFor(fastify, key, route) === undefined)
    const names = new Set(missing.map(({ method, url }) => `${method} ${url}`))
    done(names.size === 0 ? undefined : new UndeclaredRoutesError(key, [...names].sort().join(', ')))
  })

  fastify.addHook('onRequest', function refuseUndeclaredRequest(request: FastifyRequest, _reply, done) {
    const { found, config } = effectiveRoute(request)
    if (!found || config[key] !== undefined) return done()
    const { config: own, method, url = '' } = request.routeOptions
    // What others declare is for routes of Fastify, not for the entries of a table behind one of them.
    if (own === config) {
      const routes = [method].flat().map(each => ({ method: each, url }))
      Object.assign(own, { [key]: declaredForAll(fastify, key, routes) })
    }
    done(config[key] === undefined ? new UndeclaredRouteError() : undefined)
  })
}

/**
 * What a route is known by. The route `/` of a prefixed plugin serves two paths and passes onRoute once: both take the
 * one declaration.
 */
function routeName({ method, url }: AppRoute): string {
  return `${method} ${url.length > 1 && url.endsWith('/') ? url.slice(0, -1) : url}`
}
