import swagger from '@fastify/swagger'
import { accessText, requiredScopes } from '@sallyport/authorization'
import type { RouteAccess } from '@sallyport/security-context'
import type { RouteOptions } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { ServiceInstance } from './create-instance.ts'

/** What the OpenAPI document says about the service as a whole. */
export interface OpenApiOptions {
  readonly name: string
  readonly issuer: string
}

const IDEMPOTENCY_KEY =
  'A new string for each thing to be done, such as a UUID in double quotes; sent again with the same body, it is answered as before (with Idempotent-Replayed: true) and done once. Kept for a day. 409: the first request is still at it; 422: the key belongs to another request.'

/**
 * Collects the routes that follow for an OpenAPI document. Its statements about access are what is enforced: `security`
 * has the scopes of the route's policy (an array of alternatives), and `x-access` the policy.
 * @see OpenAPI 3.1 §4.8.30: a bearer scheme may name what is needed
 */
export const openApi = fastifyPlugin(
  async function openApi(app: ServiceInstance, { name, issuer }: OpenApiOptions): Promise<void> {
    const description = `Access token of ${issuer} for ${name}`
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: { title: name, version: '0.1.0' },
        components: {
          securitySchemes: { accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description } }
        }
      },
      transform: ({ schema, url, route }) => ({
        schema: { ...schema, ...accessOf(route), ...idempotencyOf(route) },
        url
      })
    })
  },
  { name: '@sallyport/service-kit/open-api', fastify: '5.x' }
)

/** Serves the document as `/openapi.json` on the operations listener, which only operators reach. */
export function serveOpenApi(app: ServiceInstance): void {
  app.operations.get('/openapi.json', { config: { access: 'public', audit: 'none' } }, async () => app.swagger())
}

/** The header that a route with one effect per key takes. @see draft-ietf-httpapi-idempotency-key-header-06 §2.1 */
function idempotencyOf({ config }: RouteOptions): Readonly<Record<string, unknown>> {
  if (config?.idempotency === undefined) return {}
  const key = { type: 'string', minLength: 1, maxLength: 257, description: IDEMPOTENCY_KEY }
  const required = config.idempotency === 'required' ? ['idempotency-key'] : []
  return { headers: { type: 'object', properties: { 'idempotency-key': key }, required } }
}

function accessOf({ config }: RouteOptions): Readonly<Record<string, unknown>> {
  const access = config?.access
  return { security: securityOf(access), 'x-access': accessText(access) }
}

function securityOf(access: RouteAccess | undefined): ReadonlyArray<Readonly<Record<string, readonly string[]>>> {
  if (access === 'public') return []
  const alternatives = typeof access === 'object' ? requiredScopes(access) : [[]]
  return alternatives.map(accessToken => ({ accessToken }))
}
