import { InUseError } from '../errors.ts'
import type { Audience, Role, Scope } from '../store/records.ts'
import type { Administration } from './administration.ts'

/** The audience under which this server is a resource server. */
export const OWN_AUDIENCE = 'auth-server'

/** The role of those who administer this server. */
export const ADMIN_ROLE = 'ADMIN'

const ownScope = (name: string, en: string): Scope => ({
  name,
  audience: OWN_AUDIENCE,
  requiredRole: ADMIN_ROLE,
  descriptions: { en },
  version: 1,
  disabledAtMs: null
})

const OWN_SCOPES: readonly Scope[] = [
  ownScope('admin', 'Administer users, roles, clients, scopes, sessions and keys'),
  ownScope('audit:read', 'Read the audit trail'),
  ownScope('audit:personal', 'Read names and addresses in the audit trail'),
  ownScope('operations', 'See what is inside processes, and change the level of their logs')
]

const OWN_AUDIENCE_ROW: Audience = {
  name: OWN_AUDIENCE,
  description: 'The authorization server itself: own sessions, administration, audit trail',
  version: 1,
  disabledAtMs: null
}

const OWN_ROLE_ROW: Role = {
  name: ADMIN_ROLE,
  descriptions: { en: 'Administers this server' },
  version: 1,
  disabledAtMs: null
}

/**
 * Makes the server's own audience, scopes and role where they are missing: on an empty database, nobody could
 * administer.
 */
export async function createOwnRows({ store, audit }: Pick<Administration, 'store' | 'audit'>): Promise<void> {
  const present = await store.scopes.ofAudience(OWN_AUDIENCE)
  const isThere = (await store.audiences.find(OWN_AUDIENCE)) !== null && (await store.roles.find(ADMIN_ROLE)) !== null
  const missing = OWN_SCOPES.filter(({ name }) => !present.some(scope => scope.name === name))
  if (isThere && missing.length === 0) return
  await store.transaction(async trx => {
    await trx.audiences.lockRegistry()
    const made = [
      ...((await trx.audiences.create(OWN_AUDIENCE_ROW)) ? [OWN_AUDIENCE] : []),
      ...((await trx.roles.create(OWN_ROLE_ROW)) ? [ADMIN_ROLE] : []),
      ...(await missingOf(missing, async scope => await trx.scopes.create(scope)))
    ]
    // Another instance may have been first.
    if (made.length === 0) return
    await audit(trx, {
      action: 'registry.first-boot',
      outcome: 'success',
      resource: { type: 'audience', id: OWN_AUDIENCE },
      detail: { created: made }
    })
  })
}

async function missingOf(scopes: readonly Scope[], create: (scope: Scope) => Promise<boolean>): Promise<string[]> {
  const made: string[] = []
  for (const scope of scopes) if (await create(scope)) made.push(scope.name)
  return made
}

/**
 * Refuses what would shut administrators out.
 * @throws {InUseError} `SALLYPORT_AUTH_SERVER_IN_USE`
 */
export function refuseOwnAudience(name: string): void {
  if (name === OWN_AUDIENCE) throw new InUseError('audience', name, 'it is the server itself')
}

/** @throws {InUseError} `SALLYPORT_AUTH_SERVER_IN_USE` */
export function refuseOwnScope({ name, audience }: Scope): void {
  const isOwn = audience === OWN_AUDIENCE && OWN_SCOPES.some(scope => scope.name === name)
  if (isOwn) throw new InUseError('scope', name, 'administration needs it')
}

/** @throws {InUseError} `SALLYPORT_AUTH_SERVER_IN_USE` */
export function refuseOwnRole(name: string): void {
  if (name === ADMIN_ROLE) throw new InUseError('role', name, 'administration needs it')
}
