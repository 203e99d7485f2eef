import { randomUUID } from 'node:crypto'
import { recordSecurityEvent, type Principal } from '@sallyport/security-context'
import type { FastifyInstance, FastifyRequest, InjectOptions, LightMyRequestResponse } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { CallerNotInjectedError } from './errors.ts'
import { testPrincipal, type TestCaller } from './test-principal.ts'

interface InjectedCall {
  readonly principal: Principal
  asked: boolean
}

/** Names the caller of one request: a random value that means something in this process only, and only once. */
const CALLER_HEADER = 'sallyport-test-caller'
const calls = new Map<string, InjectedCall>()

function injectedPrincipal(request: FastifyRequest): Principal | null {
  const id = request.headers[CALLER_HEADER]
  const call = typeof id === 'string' ? calls.get(id) : undefined
  if (call === undefined) return null
  call.asked = true
  return call.principal
}

/**
 * A strategy for the option `strategies` of `@sallyport/authentication`: accepts the callers of {@link injectAs}, and
 * nobody else.
 */
export const injectedCaller = Object.freeze({
  name: 'injected',
  challenge: null,
  authenticate: async (request: FastifyRequest) => {
    const principal = injectedPrincipal(request)
    if (principal === null) return { kind: 'not-applicable' as const }
    return { kind: 'accepted' as const, principal, accessToken: null }
  }
})

/**
 * Stands in for authentication in an app without it: fills `request.principal` for the callers of {@link injectAs}, and
 * leaves it `null` for everybody else. Register it in tests only, after the security context.
 */
export const injectedCallers = fastifyPlugin(
  async function injectedCallers(fastify: FastifyInstance): Promise<void> {
    fastify.addHook('onRequest', async function acceptInjectedCaller(request) {
      const principal = injectedPrincipal(request)
      if (principal === null) return
      request.principal = principal
      recordSecurityEvent(request, { stage: 'authentication', outcome: 'success', reason: 'injected' })
    })
  },
  { name: '@sallyport/testing', fastify: '5.x', decorators: { request: ['principal'] } }
)

/**
 * `app.inject` in somebody's name, without a token.
 * @param caller members of a principal, or claims of a token
 * @throws {CallerNotInjectedError} `SALLYPORT_TESTING_CALLER_NOT_INJECTED` when the answer is 401 and nothing in the
 * app has looked for the caller
 */
export async function injectAs(
  app: FastifyInstance,
  caller: TestCaller,
  request: InjectOptions | string
): Promise<LightMyRequestResponse> {
  const options = typeof request === 'string' ? { url: request } : request
  const id = randomUUID()
  const call: InjectedCall = { principal: testPrincipal(caller), asked: false }
  calls.set(id, call)
  try {
    const response = await app.inject({ ...options, headers: { ...options.headers, [CALLER_HEADER]: id } })
    if (!call.asked && response.statusCode === 401) throw new CallerNotInjectedError()
    return response
  } finally {
    calls.delete(id)
  }
}
