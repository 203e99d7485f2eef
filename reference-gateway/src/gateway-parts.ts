import type { AppRoute } from '@sallyport/security-context'
import { isClient } from './session-settings.ts'
import type { GatewaySettings } from './settings.ts'
import { WEB_CLIENT_ROUTES } from './web-client/paths.ts'

/** The parts of the gateway that bring routes of their own. */
export interface GatewayParts {
  readonly hasSessions: boolean
  readonly hasSessionDirectory: boolean
  readonly hasAuditTrail: boolean
  readonly hasWebClient: boolean
}

const OWN_TRAIL = [
  'GET /audit/events',
  'GET /audit/reference-gateway',
  'GET /audit/reference-gateway/live',
  'GET /audit/reference-gateway/export'
]

/** The gateway's own routes: no route of a file may share requests with them. */
export function ownRoutes({ hasSessions, hasSessionDirectory, hasAuditTrail, hasWebClient }: GatewayParts): AppRoute[] {
  const texts = [
    ...(hasSessions ? ['POST /login', 'POST /logout', 'GET /session', 'POST /session/refresh'] : []),
<<<<<<< HEAD
    ...(hasSessions && hasSessionDirectory ? ['GET /sessions', 'DELETE /sessions', 'DELETE /sessions/:sessionId'] : []),
    ...(hasAuditTrail ? ['GET /audit/reference-gateway'] : []),
    ...(hasSessions && hasWebClient ? WEB_CLIENT_ROUTES : [])
=======
    ...(hasSessions && hasSessionDirectory
      ? ['GET /sessions', 'DELETE /sessions', 'DELETE /sessions/:sessionId', 'POST /sessions/end']
      : []),
    ...(hasAuditTrail ? OWN_TRAIL : [])
>>>>>>> main
  ]
  return texts.map(text => {
    const [method = '', url = ''] = text.split(' ')
    return { method, url }
  })
}

/** The parts of a gateway with these settings. */
<<<<<<< HEAD
export function partsOfSettings(
  { clientSecret, sealingKeys, authServerOrigin, webClient }: GatewaySettings,
  hasAuditTrail: boolean
): GatewayParts {
  return {
    hasSessions: clientSecret !== undefined && sealingKeys !== undefined,
    hasSessionDirectory: authServerOrigin !== undefined,
    hasAuditTrail,
    hasWebClient: webClient
=======
export function partsOfSettings(settings: GatewaySettings, hasAuditTrail: boolean): GatewayParts {
  return {
    hasSessions: isClient(settings) && settings.sealingKeys !== undefined,
    hasSessionDirectory: settings.authServerOrigin !== undefined || settings.sessionStore !== 'cookies',
    hasAuditTrail
>>>>>>> main
  }
}

/** The same for a command, which reads no secrets: a setting, or the file with it, is named or it is not. */
export function partsOfEnvironment(environment: Readonly<Record<string, string | undefined>>): GatewayParts {
  const isSet = (name: string): boolean => [name, `${name}_FILE`].some(each => (environment[each] ?? '') !== '')
  return {
<<<<<<< HEAD
    hasSessions: isSet('SALLYPORT_CLIENT_SECRET') && isSet('SALLYPORT_SEALING_KEYS'),
    hasSessionDirectory: isSet('SALLYPORT_AUTH_SERVER_ORIGIN'),
    hasAuditTrail: isSet('DATABASE_URL'),
    hasWebClient: environment.SALLYPORT_WEB_CLIENT === 'true'
=======
    hasSessions: (isSet('SALLYPORT_CLIENT_SECRET') || isSet('SALLYPORT_CLIENT_KEY')) && isSet('SALLYPORT_SEALING_KEYS'),
    hasSessionDirectory: isSet('SALLYPORT_AUTH_SERVER_ORIGIN') || isSet('SALLYPORT_SESSION_STORE'),
    hasAuditTrail: isSet('DATABASE_URL')
>>>>>>> main
  }
}
