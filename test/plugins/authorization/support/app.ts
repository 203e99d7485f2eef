import Fastify, { type FastifyInstance } from 'fastify'
import securityContext, { problemDetails, type Principal, type SecurityEvent } from '@sallyport/security-context'
import authorization, { type AuthorizationOptions } from '@sallyport/authorization'

/** An app whose caller a test sets, with the security events of the last request. */
export interface TestApp {
  readonly app: FastifyInstance
  /** Who calls from now on. */
  callAs: (principal: Principal | null) => void
  /** The security events of the latest request. */
  events: () => SecurityEvent[]
}

/** Fastify with the security context, a fixed caller and authorization. */
export async function testApp(options: AuthorizationOptions = {}): Promise<TestApp> {
  const app = Fastify()
  let caller: Principal | null = null
  let events: SecurityEvent[] = []
  await app.register(securityContext)
  await app.register(problemDetails)
  app.addHook('onRequest', async request => {
    request.principal = caller
    events = request.securityEvents
  })
  await app.register(authorization, options)
  return {
    app,
    callAs: principal => {
      caller = principal
    },
    events: () => events
  }
}
