import { instanceOptions } from '@sallyport/service-process'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault
} from 'fastify'
import type { ServiceCollaborators } from './service-collaborators.ts'
import type { ServiceSettings } from './settings.ts'

/** A Fastify instance whose handlers get the types of their route's TypeBox schemas. */
export type ServiceInstance = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

const SERVICE_BODY_LIMIT_BYTES = 64 * 1024

/** The server: that of every process, with the gateway's request ids. */
export function createServiceInstance(
  name: string,
  settings: ServiceSettings,
  { tls, tracing }: ServiceCollaborators
): ServiceInstance {
  // Forwarding headers are believed only from callers that the token names, and the server has seen no token yet.
  const believing = { ...settings, trustedProxies: [] }
  const options = instanceOptions({
    name,
    settings: believing,
    tls,
    tracing,
    requestIds: 'caller',
    asksForCertificates: settings.boundTokens.includes('certificate')
  })
  const app: FastifyInstance = Fastify({ ...options, bodyLimit: SERVICE_BODY_LIMIT_BYTES })
  app.decorateRequest('loadedRow', null)
  return app.withTypeProvider<TypeBoxTypeProvider>()
}
