import { auditTrailOptions, parseNameKey, type AuditLogOptions } from '@sallyport/audit-log'
import { allOf, role, scope } from '@sallyport/authorization'
import type { Knex } from 'knex'
import { parseUpstreamTrail, type UpstreamTrail } from './audit-search.ts'
import type { GatewaySettings } from './settings.ts'

/** Who reads the trails of all processes at the edge; each process asks again for itself. */
export const MAY_READ_AUDIT_TRAILS = allOf(role('ADMIN'), scope('audit:read'))

/** The options of the gateway's own trail. */
export function edgeTrail(settings: GatewaySettings, process: string, db: Knex): AuditLogOptions {
  const nameKey = parseNameKey(settings.auditNameKey ?? '')
  return {
    db,
    process,
    route: { path: `/audit/${process}`, access: MAY_READ_AUDIT_TRAILS },
    lifecycle: settings.nodeEnv !== 'test',
    ...auditTrailOptions(settings, process),
    ...(nameKey !== null && { nameKey })
  }
}

/** The trails of others that are searched with it, with their origins. */
export function searchedTrails({ auditTrails }: GatewaySettings): ReadonlyArray<UpstreamTrail & { origin: string }> {
  return auditTrails.map(parseUpstreamTrail).filter(trail => trail !== null)
}
