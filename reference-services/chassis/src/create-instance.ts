import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { serverOptions, serverTls } from '@sallyport/secure-transport'
import { loggerOptions } from '@sallyport/service-process'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type RawReplyDefaultExpression, type RawRequestDefaultExpression, type RawServerDefault } from 'fastify'
import type { ServiceCollaborators } from './collaborators.ts'
import type { ServiceSettings } from './settings.ts'

/** A Fastify instance whose handlers get the types of their route's TypeBox schemas. */
export type ServiceInstance = FastifyInstance<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, FastifyBaseLogger, TypeBoxTypeProvider>

const BODY_LIMIT_BYTES = 64 * 1024
const REQUEST_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The server: TLS and limits, logs without secrets, and validation that changes nothing of what was sent. */
export function createInstance (name: string, settings: ServiceSettings, { tls, tracing }: ServiceCollaborators): ServiceInstance {
  const app: FastifyInstance = Fastify({
    ...serverOptions(tls === undefined ? null : serverTls(tls)),
    bodyLimit: BODY_LIMIT_BYTES,
    genReqId: requestIdOf,
    logger: loggerOptions({ name, level: settings.logLevel, ...(tracing !== undefined && { traceIds: tracing.traceIds }) }),
    // Fastify's own validation turns "5" into 5 and drops unknown members: what was decided over must be what was sent.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: true, allErrors: false } }
  })
  return app.withTypeProvider<TypeBoxTypeProvider>()
}

/** The gateway's id of the request, so that one id finds it in every log; anything else that calls gets a new one. */
function requestIdOf (request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}
