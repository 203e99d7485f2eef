import { loginRoutes, sessionRoutes } from '@sallyport/authentication'
import type { LiveSettings } from '@sallyport/configuration'
import type { KeySource, LoginClient, SessionDirectory } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { Static } from 'typebox'
import loginThrottle from './limit-logins.ts'
import { portionOf } from './share-among-workers.ts'
import { sessionsNeedSession } from './session-directory.ts'
import type { GatewaySettings, settingsSchema } from './settings.ts'
import { webClient } from './web-client/index.ts'

/** Who logs people in at the edge, and what is known of their sessions. */
export interface EdgeLoginsOptions {
  readonly settings: GatewaySettings
  readonly live: LiveSettings<Static<typeof settingsSchema>> | undefined
  /** Left out: there is the login with a password only. */
  readonly loginClient: LoginClient | undefined
  /** Keys of the issuer that people log in at. */
  readonly keys: KeySource
  readonly sessionDirectory: SessionDirectory | undefined
}

/** Logins and sessions of browsers: with a password, and at the issuer where settings say so. */
async function edgeLogins(
  fastify: FastifyInstance,
  { settings, live, loginClient, keys, sessionDirectory }: EdgeLoginsOptions
): Promise<void> {
  const perMinute = (): number => portionOf((live?.current ?? settings).loginsPerMinute, settings.workers)
  await fastify.register(loginThrottle, { perMinute })
  if (sessionDirectory !== undefined) await fastify.register(sessionsNeedSession)
  await fastify.register(sessionRoutes, { ...(sessionDirectory && { directory: sessionDirectory }) })
  const hasIssuerLogin = loginClient !== undefined && settings.loginScopes.length > 0
  if (hasIssuerLogin) {
    await fastify.register(loginRoutes, {
      client: loginClient,
      keys,
      scope: settings.loginScopes.join(' '),
      parameters: Object.fromEntries(settings.loginParameters.map(nameAndValue)),
      backchannelLogout: settings.backchannelLogout,
      dpop: settings.loginDpop,
      clockToleranceSeconds: settings.clockToleranceSeconds
    })
  }
  if (!settings.webClient) return
  await fastify.register(webClient, { issuerOrigin: new URL(settings.issuer).origin, hasIssuerLogin })
}

/** Their form is checked with the settings. */
function nameAndValue(text: string): [name: string, value: string] {
  const end = text.indexOf('=')
  return [text.slice(0, end), text.slice(end + 1)]
}

export default fastifyPlugin(edgeLogins, { name: '@sallyport/reference-gateway/logins', fastify: '5.x' })
