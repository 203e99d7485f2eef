import type { RouteTableOptions } from '@sallyport/forwarding'
import { readRoutesOverlay, type DocumentMistake } from '@sallyport/forwarding/document'
import type { AppRoute } from '@sallyport/security-context'
import { RoutesOverlayError } from './errors.ts'
import { ownRoutes, partsOfSettings } from './gateway-parts.ts'
import { withSettingsDefaults, type RouteSettings } from './route-defaults.ts'
import { openRoutesFile } from './routes-file.ts'
import { tableOfWorker } from './share-among-workers.ts'
import type { GatewaySettings } from './settings.ts'

/**
 * The table that is served: the pushed one, under the overlay and the limits of the settings.
 * @param own routes of the gateway itself
 * @throws {RoutesOverlayError} `SALLYPORT_GATEWAY_OVERLAY_INVALID`, with every mistake of the overlay
 */
export function servedTable(
  pushed: RouteTableOptions,
  settings: RouteSettings & Partial<Pick<GatewaySettings, 'workers'>>,
  own: readonly AppRoute[]
): RouteTableOptions {
  const { routesOverlay, workers = 1 } = settings
  if (routesOverlay === undefined) return tableOfWorker(withSettingsDefaults(pushed, settings), workers)
  const { table, mistakes } = readRoutesOverlay(routesOverlay, pushed, own)
  if (table === null) throw new RoutesOverlayError(overlayLines(mistakes).join('; '))
  return tableOfWorker(withSettingsDefaults(table, settings), workers)
}

/**
 * What is wrong with the overlay in new settings, over the file of routes as it is. Of a file with mistakes nothing is
 * said here: it fails the boot by itself, and changes nothing later.
 */
export function overlayMistakes(
  settings: GatewaySettings,
  environment: Readonly<Record<string, string | undefined>>
): readonly string[] {
  const { routesOverlay, routesPath, databaseUrl } = settings
  if (routesOverlay === undefined) return []
  const own = ownRoutes(partsOfSettings(settings, databaseUrl !== undefined))
  const { table } = openRoutesFile(routesPath, environment, own).read()
  return table === null ? [] : overlayLines(readRoutesOverlay(routesOverlay, table, own).mistakes)
}

/** The mistakes of an overlay, each with its place. */
export function overlayLines(mistakes: readonly DocumentMistake[]): string[] {
  return mistakes.map(({ line, column, message }) => `routesOverlay:${line}:${column}: ${message}`)
}
