import { resourceMetadataUri } from '@sallyport/authentication'
import type { AppRoute } from '@sallyport/security-context'
import { isClient } from './session-settings.ts'
import type { GatewaySettings } from './settings.ts'
import { WEB_CLIENT_ROUTES } from './web-client/paths.ts'

/** The parts of the gateway that bring routes of their own. */
export interface GatewayParts {
  readonly hasSessions: boolean
  readonly hasSessionDirectory: boolean
  readonly hasAuditTrail: boolean
  /** Its address as a protected resource. */
  readonly resource?: string | undefined
  readonly hasWebClient: boolean
}

const OWN_TRAIL = [
  'GET /audit/events',
  'GET /audit/events/live',
  'GET /audit/reference-gateway',
  'GET /audit/reference-gateway/live',
  'GET /audit/reference-gateway/export',
  'GET /audit/reference-gateway/personal'
]

/** The gateway's own routes: no route of a file may share requests with them. */
export function ownRoutes({
  hasSessions,
  hasSessionDirectory,
  hasAuditTrail,
  hasWebClient,
  resource
}: GatewayParts): AppRoute[] {
  const texts = [
    ...(hasSessions ? ['POST /login', 'POST /logout', 'GET /session', 'POST /session/refresh'] : []),
    ...(hasSessions && hasSessionDirectory
      ? ['GET /sessions', 'DELETE /sessions', 'DELETE /sessions/:sessionId', 'POST /sessions/end']
      : []),
    ...(hasAuditTrail ? OWN_TRAIL : []),
    ...(resource === undefined ? [] : [`GET ${new URL(resourceMetadataUri(resource)).pathname}`]),
    ...(hasSessions && hasWebClient ? WEB_CLIENT_ROUTES : [])
  ]
  return texts.map(text => {
    const [method = '', url = ''] = text.split(' ')
    return { method, url }
  })
}

/** The parts of a gateway with these settings. */
export function partsOfSettings(settings: GatewaySettings, hasAuditTrail: boolean): GatewayParts {
  return {
    hasSessions: isClient(settings) && settings.sealingKeys !== undefined,
    hasSessionDirectory: settings.authServerOrigin !== undefined || settings.sessionStore !== 'cookies',
    hasAuditTrail,
    resource: settings.resource,
    hasWebClient: settings.webClient
  }
}

/** The same for a command, which reads no secrets: a setting, or the file with it, is named or it is not. */
export function partsOfEnvironment(environment: Readonly<Record<string, string | undefined>>): GatewayParts {
  const isSet = (name: string): boolean => [name, `${name}_FILE`].some(each => (environment[each] ?? '') !== '')
  return {
    hasSessions: (isSet('SALLYPORT_CLIENT_SECRET') || isSet('SALLYPORT_CLIENT_KEY')) && isSet('SALLYPORT_SEALING_KEYS'),
    hasSessionDirectory: isSet('SALLYPORT_AUTH_SERVER_ORIGIN') || isSet('SALLYPORT_SESSION_STORE'),
    hasAuditTrail: isSet('DATABASE_URL'),
    resource: URL.canParse(environment.SALLYPORT_RESOURCE ?? '') ? environment.SALLYPORT_RESOURCE : undefined,
    hasWebClient: environment.SALLYPORT_WEB_CLIENT === 'true'
  }
}
