import type { FastifyContextConfig, FastifyInstance, RouteOptions } from 'fastify'
import { looksAtResource } from './decide.ts'
import { InvalidPoliciesError } from './errors.ts'
import { asksAcl, policyMistakes, type IssuerCount } from './validate-policy.ts'

/** One route as the matrix prints it. */
export interface DeclaredRoute {
  readonly method: string
  readonly url: string
  readonly access: NonNullable<RouteOptions['config']>['access']
}

/**
 * Collects the access declaration of every route, and fails the boot when one of them can never decide; the error lists
 * all mistakes. `fastify.findAccessMistakes` is the same check for tables of routes. `requireRouteDeclaration` handles
 * routes without a declaration.
 * @returns the list that grows with the routes
 */
export function collectRoutePolicies(
  fastify: FastifyInstance,
  hasAcl: boolean,
  issuers: () => IssuerCount
): readonly DeclaredRoute[] {
  const routes: DeclaredRoute[] = []
  const configs = new Map<string, FastifyContextConfig>()
  const accessMistakes = (config: FastifyContextConfig): string[] => routeMistakes(config, hasAcl, issuers())
  fastify.decorate('findAccessMistakes', accessMistakes)

  fastify.addHook('onRoute', function collectPolicy(route: RouteOptions) {
    for (const method of [route.method].flat()) {
      routes.push({ method, url: route.url, access: route.config?.access })
      configs.set(`${method} ${route.url}`, route.config ?? {})
    }
  })

  fastify.addHook('onReady', function refuseInvalidPolicies(done) {
    const mistakes = new Set(
      [...configs].flatMap(([name, config]) => accessMistakes(config).map(mistake => `${name}: ${mistake}`))
    )
    // Fastify adds a HEAD route to each GET route: a mistake of both is reported once.
    const listed = [...mistakes]
      .filter(mistake => !mistake.startsWith('HEAD ') || !mistakes.has(mistake.replace('HEAD', 'GET')))
      .sort()
    done(listed.length === 0 ? undefined : new InvalidPoliciesError(listed.join('; ')))
  })
  return routes
}

function routeMistakes({ access, resource }: FastifyContextConfig, hasAcl: boolean, issuers: IssuerCount): string[] {
  if (access === undefined || access === 'public' || access === 'authenticated') return []
  const mistakes = policyMistakes(access, 'access', issuers)
  if (mistakes.length > 0) return mistakes
  if (looksAtResource(access) && resource === undefined) {
    mistakes.push('the policy decides over a resource, but config.resource is missing')
  }
  if (asksAcl(access) && !hasAcl) {
    mistakes.push('the policy asks the access control list, but the option acl is missing')
  }
  return mistakes
}
