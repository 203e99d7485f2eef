import { auditTrailOptions, type AuditLogOptions } from '@sallyport/audit-log'
import { allOf, role, scope } from '@sallyport/authorization'
import { parseUpstreamTrail, type UpstreamTrail } from './audit-search.ts'
import { portionOf } from './share-among-workers.ts'
import type { GatewaySettings } from './settings.ts'

/** Who reads the trails of all processes at the edge; each process asks again for itself. */
export const MAY_READ_AUDIT_TRAILS = allOf(role('ADMIN'), scope('audit:read'))

/** Who reads what the trails say of persons, such as names and addresses. */
const MAY_READ_PERSONAL_VALUES = allOf(role('ADMIN'), scope('audit:personal'))

/** Streams of the gateway's own trail, as `@sallyport/audit-log` serves where nobody says how many. */
const TRAIL_STREAMS = 32

/** The options of the gateway's own trail. */
export function edgeTrail(
  settings: GatewaySettings,
  process: string,
  { db, versions }: Required<Pick<AuditLogOptions, 'db' | 'versions'>>
): AuditLogOptions {
  return {
    db,
    process,
    route: {
      path: `/audit/${process}`,
      access: MAY_READ_AUDIT_TRAILS,
      personalAccess: MAY_READ_PERSONAL_VALUES,
      maxStreams: portionOf(TRAIL_STREAMS, settings.workers)
    },
    lifecycle: settings.nodeEnv !== 'test',
    versions,
    ...auditTrailOptions(settings, process)
  }
}

/** The trails of others that are searched with it, with their origins. */
export function searchedTrails({ auditTrails }: GatewaySettings): ReadonlyArray<UpstreamTrail & { origin: string }> {
  return auditTrails.map(parseUpstreamTrail).filter(trail => trail !== null)
}
