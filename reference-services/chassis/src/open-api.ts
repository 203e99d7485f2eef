import swagger from '@fastify/swagger'
import fastifyPlugin from 'fastify-plugin'
import type { ServiceInstance } from './create-instance.ts'

/** What the OpenAPI document says about the service as a whole. */
export interface OpenApiOptions {
  readonly name: string
  readonly issuer: string
}

/**
 * Describes the routes that follow in an OpenAPI document, served as `/openapi.json` on the operations listener: who
 * has no business there need not read it.
 */
export const openApi = fastifyPlugin(async function openApi (app: ServiceInstance, { name, issuer }: OpenApiOptions): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: name, version: '0.1.0' },
      components: { securitySchemes: { accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: `Access token of ${issuer} for ${name}` } } },
      security: [{ accessToken: [] }]
    }
  })
  app.operations.get('/openapi.json', { config: { access: 'public', audit: 'none' } }, async () => app.swagger())
}, { name: '@sallyport/chassis/open-api', fastify: '5.x', decorators: { fastify: ['operations'] } })
