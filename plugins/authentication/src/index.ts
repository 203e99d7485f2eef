import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { Strategy } from './strategy.ts'
import type { AuthenticationOptions } from './options.ts'
import type { TokenVerifier } from './verify-token.ts'
import { createBasicStrategy } from './basic/strategy.ts'
import { createSessionStrategy } from './session/strategy.ts'

export type { AuthenticationOptions } from './options.ts'
export type { Strategy, StrategyResult } from './strategy.ts'
export type { TokenVerifier } from './verify-token.ts'
export { sessionRoutes } from './session/routes.ts'
export * as errors from './errors.ts'

async function authentication (fastify: FastifyInstance, options: AuthenticationOptions): Promise<void> {
  const verifier: TokenVerifier = options.verifier
  const strategies: Strategy[] = []
  if (options.basic !== undefined) strategies.push(await createBasicStrategy(fastify, options.basic, verifier))
  if (options.session !== undefined) strategies.push(await createSessionStrategy(fastify, options.session, verifier))
}

export default fastifyPlugin(authentication, { name: '@sallyport/authentication', fastify: '5.x', decorators: { request: ['principal'] } })
