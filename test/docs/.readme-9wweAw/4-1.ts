import Fastify from 'fastify'
import { Type, type Static } from 'typebox'
import configuration from '@sallyport/configuration'

const schema = Type.Object({
  issuer: Type.String({ format: 'secure-url' }),            // SALLYPORT_ISSUER
  port: Type.Integer({ default: 8080 }),                    // PORT
  clientSecret: Type.String({ secret: true, minLength: 32 }) // SALLYPORT_CLIENT_SECRET or SALLYPORT_CLIENT_SECRET_FILE
})
declare module '@sallyport/configuration' { interface AppSettings extends Static<typeof schema> {} }

const environment = { SALLYPORT_ISSUER: 'https://issuer.example', SALLYPORT_CLIENT_SECRET: 'f'.repeat(32), PORT: '3000' } // process.env
const app = Fastify()
await app.register(configuration, { schema, environment })
console.log(app.settings.issuer, app.settings.port)
await app.close()
