import { Type, type Static } from 'typebox'

/** The settings, from the environment; see README.md. */
export const settingsSchema = Type.Object({
  host: Type.String({ default: '127.0.0.1' }),
  port: Type.Integer({ minimum: 0, maximum: 65_535, default: 3000 }),
  databaseUrl: Type.String({ secret: true, minLength: 1 }),
  issuer: Type.String({ format: 'secure-url' }),
  audience: Type.String({ minLength: 1 }),
  jwksUri: Type.Optional(Type.String({ format: 'secure-url' })),
  profile: Type.Union([Type.Literal('rfc9068'), Type.Literal('keycloak'), Type.Literal('auth0')], {
    default: 'rfc9068'
  })
})

/** With what the variables of the app begin. */
export const PREFIX = 'APP_'

/** The settings as values. */
export type Settings = Static<typeof settingsSchema>
