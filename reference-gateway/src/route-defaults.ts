import { loadSettings } from '@sallyport/configuration'
import type { RouteTableOptions } from '@sallyport/forwarding'
import { Type } from 'typebox'
import { settingsSchema, type GatewaySettings } from './settings.ts'

/** The settings that every route has a share in. */
export type RouteSettings = Pick<
  GatewaySettings,
  | 'maxBodyBytes'
  | 'upstreamTimeoutMs'
  | 'answerTimeoutMs'
  | 'streamPauseMs'
  | 'additionalRequestHeaders'
  | 'routesOverlay'
>

/**
 * A table with what the settings say where the table says nothing. The setting for bodies is the most that any route
 * may accept, whatever the table says.
 */
export function withSettingsDefaults(table: RouteTableOptions, settings: RouteSettings): RouteTableOptions {
  const { maxBodyBytes: most, upstreamTimeoutMs, answerTimeoutMs, streamPauseMs, additionalRequestHeaders } = settings
  const { defaults = {}, routes } = table
  return {
    ...table,
    defaults: {
      timeouts: { headMs: upstreamTimeoutMs, pauseMs: upstreamTimeoutMs, totalMs: answerTimeoutMs },
      streamPauseMs,
      requestHeaders: { pass: additionalRequestHeaders },
      ...defaults,
      maxBodyBytes: Math.min(most, defaults.maxBodyBytes ?? most)
    },
    routes: routes.map(({ maxBodyBytes, ...route }) =>
      maxBodyBytes === undefined ? route : { ...route, maxBodyBytes: Math.min(most, maxBodyBytes) }
    )
  }
}

const { properties } = settingsSchema
const routeSettings = Type.Object({
  maxBodyBytes: properties.maxBodyBytes,
  upstreamTimeoutMs: properties.upstreamTimeoutMs,
  answerTimeoutMs: properties.answerTimeoutMs,
  streamPauseMs: properties.streamPauseMs,
  additionalRequestHeaders: properties.additionalRequestHeaders,
  routesOverlay: properties.routesOverlay
})

/**
 * The same settings for a command, which needs no others.
 * @throws `SALLYPORT_CONFIGURATION_INVALID`
 */
export function readRouteSettings(environment: Readonly<Record<string, string | undefined>>): RouteSettings {
  const names = [
    'SALLYPORT_MAX_BODY_BYTES',
    'SALLYPORT_UPSTREAM_TIMEOUT_MS',
    'SALLYPORT_ANSWER_TIMEOUT_MS',
    'SALLYPORT_STREAM_PAUSE_MS',
    'SALLYPORT_ADDITIONAL_REQUEST_HEADERS',
    'SALLYPORT_ROUTES_OVERLAY',
    'SALLYPORT_ROUTES_OVERLAY_FILE'
  ]
  const own = Object.fromEntries(names.map(name => [name, environment[name]]))
  return loadSettings({ schema: routeSettings, environment: own }).values
}
