import type { FastifyContextConfig, FastifyInstance, RouteOptions } from 'fastify'
import { AuthenticationOptionsError } from './errors.ts'
import { stepUpMistakes } from './check-step-up.ts'
import type { Strategy } from './strategy.ts'

/** The strategies that a route accepts, in the order in which they are asked. */
export type StrategiesOfRoute = (config: FastifyContextConfig) => readonly Strategy[]

/**
 * Chooses among all strategies by what routes declare in `config.strategies`. A name that nobody has fails the boot,
 * and refuses the request where the route was not seen at boot.
 */
export function chooseStrategies(fastify: FastifyInstance, all: readonly Strategy[]): StrategiesOfRoute {
  const chosen = new WeakMap<readonly string[], readonly Strategy[]>()
  const find = (config: FastifyContextConfig): string[] => routeStrategyMistakes(config, all)
  fastify.decorate('findStrategyMistakes', find)
  fastify.decorate('findStepUpMistakes', stepUpMistakes)
  refuseMistakesAtBoot(fastify, config => [...find(config), ...stepUpMistakes(config)])

  return function strategiesOfRoute(config) {
    const { strategies: names } = config
    if (names === undefined) return all
    const known = chosen.get(names)
    if (known !== undefined) return known
    const mistakes = find(config)
    if (mistakes.length > 0) throw new AuthenticationOptionsError(mistakes.join('; '))
    const strategies = names.flatMap(name => all.filter(strategy => strategy.name === name))
    chosen.set(names, strategies)
    return strategies
  }
}

function routeStrategyMistakes({ access, strategies }: FastifyContextConfig, all: readonly Strategy[]): string[] {
  if (strategies === undefined) return []
  if (!Array.isArray(strategies) || strategies.length === 0) return ['strategies: not a list of names']
  const known = all.map(({ name }) => name)
  return [
    ...(access === 'public' ? ['strategies: nobody is asked on a public route'] : []),
    ...strategies
      .filter(name => !known.includes(name))
      .map(name => `strategies: ${JSON.stringify(name)} is none of ${known.join(', ') || 'none'}`),
    ...new Set(
      strategies.filter((name, at) => strategies.indexOf(name) < at).map(name => `strategies: ${name} is named twice`)
    )
  ]
}

function refuseMistakesAtBoot(fastify: FastifyInstance, find: (config: FastifyContextConfig) => string[]): void {
  const mistakes = new Set<string>()
  fastify.addHook('onRoute', function collectStrategyMistakes({ method, url, config }: RouteOptions) {
    // The HEAD route that Fastify adds shares the declarations of its GET route.
    if (config === undefined || method === 'HEAD') return
    for (const mistake of find(config)) mistakes.add(`${[method].flat().join(', ')} ${url}: ${mistake}`)
  })
  fastify.addHook('onReady', function refuseUnknownStrategies(done) {
    done(mistakes.size === 0 ? undefined : new AuthenticationOptionsError([...mistakes].sort().join('; ')))
  })
}
