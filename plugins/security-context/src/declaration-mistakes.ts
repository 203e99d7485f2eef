import type { FastifyContextConfig, FastifyInstance } from 'fastify'
import type { StepUp } from './step-up.ts'

/** Finds what is wrong with one member of a route's `config`: a sentence per mistake. */
export type FindDeclarationMistakes = (config: FastifyContextConfig) => readonly string[]

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Names of the strategies that this route accepts, asked in this order. Left out: all of them, in the order of the
     * authentication plugin.
     */
    strategies?: readonly string[]
    /** How recently, or how well, its callers have to have proven who they are. Left out: it does not matter. */
    stepUp?: StepUp
  }
  interface FastifyInstance {
    /** Mistakes in `access`; added by authorization, which decides over policies. */
    findAccessMistakes: FindDeclarationMistakes
    /** Mistakes in `strategies`; added by authentication, which asks them. */
    findStrategyMistakes: FindDeclarationMistakes
    /** Mistakes in `stepUp`; added by authentication, which holds callers to it. */
    findStepUpMistakes: FindDeclarationMistakes
  }
}

/**
 * Every mistake in the declarations of a route that Fastify does not know, such as the entry of a route table: those
 * that would fail the boot of an ordinary route, and what nobody in this app would enforce.
 * @param fastify the instance behind whose hooks the entry is
 */
export function declarationMistakes(fastify: FastifyInstance, config: FastifyContextConfig): string[] {
  const { access, strategies, stepUp } = config
  return [
    ...accessMistakes(fastify, access, config),
    ...(strategies === undefined ? [] : strategyMistakes(fastify, config)),
    ...(stepUp === undefined ? [] : unenforcedStepUp(fastify, config))
  ]
}

function accessMistakes(
  fastify: FastifyInstance,
  access: FastifyContextConfig['access'],
  config: FastifyContextConfig
): readonly string[] {
  if (access === undefined) return ['access is missing']
  if (fastify.hasDecorator('findAccessMistakes')) return fastify.findAccessMistakes(config)
  if (access === 'public' || access === 'authenticated') return []
  return ['access is a policy, and no plugin of this app decides over policies']
}

function strategyMistakes(fastify: FastifyInstance, config: FastifyContextConfig): readonly string[] {
  return fastify.hasDecorator('findStrategyMistakes')
    ? fastify.findStrategyMistakes(config)
    : ['strategies are named, and no plugin of this app knows them']
}

function unenforcedStepUp(fastify: FastifyInstance, config: FastifyContextConfig): readonly string[] {
  return fastify.hasDecorator('findStepUpMistakes')
    ? fastify.findStepUpMistakes(config)
    : ['stepUp is asked for, and no plugin of this app holds callers to it']
}
