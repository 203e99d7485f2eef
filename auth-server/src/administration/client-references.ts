import { PROTOCOL_SCOPES } from '../protocol/narrow-scopes.ts'
import type { Store } from '../store/contract.ts'
import type { ClientRegistration } from '../store/client-fields.ts'

/**
 * What a registration names that is not there, as one phrase each. Call it under the lock of the registry.
 * @param changed the fields that are new; all of them by default
 */
export async function referenceMistakes(
  store: Store,
  { scopes, ownAudience, defaultAudience, audiences }: ClientRegistration,
  changed?: readonly string[]
): Promise<readonly string[]> {
  const isNew = (name: string): boolean => changed === undefined || changed.includes(name)
  const named = [
    ...(isNew('ownAudience') ? [ownAudience] : []),
    ...(isNew('defaultAudience') ? [defaultAudience] : []),
    ...(isNew('audiences') ? audiences : [])
  ].filter(name => name !== null)
  const [knownScopes, knownAudiences] = [await store.scopes.list(), await store.audiences.list()]
  const isScope = (name: string): boolean =>
    PROTOCOL_SCOPES.includes(name) || knownScopes.some(scope => scope.name === name)
  const isAudience = (name: string): boolean => knownAudiences.some(audience => audience.name === name)
  return [
    ...(isNew('scopes') ? scopes : []).filter(name => !isScope(name)).map(name => `there is no scope ${name}`),
    ...[...new Set(named)].filter(name => !isAudience(name)).map(name => `there is no audience ${name}`)
  ]
}
