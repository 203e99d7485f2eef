import type { LiveSettings } from '@sallyport/configuration'
import type { Change, ReloadSubscriber } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import type { ConfigurationServerSettings } from '../settings.ts'
import { parseSecretRing } from './secret-ring.ts'

/** Refuses new settings that leave out a key with which secrets are encrypted. */
export function usedKeysSubscriber(
  live: LiveSettings<ConfigurationServerSettings>,
  db: Knex
): ReloadSubscriber<ConfigurationServerSettings> {
  return {
    name: 'sealingKeys',
    validate: async ({ sealingKeys }): Promise<Change> => {
      if (sealingKeys !== live.current.sealingKeys) await refuseLostKeys(db, sealingKeys)
      return { apply: () => {}, undo: () => {} }
    }
  }
}

async function refuseLostKeys(db: Knex, sealingKeys: string): Promise<void> {
  const { keyIds } = parseSecretRing(sealingKeys)
  const lost: string[] = await db('configuration_secrets')
    .distinct('key_id')
    .whereNotIn('key_id', keyIds)
    .pluck('key_id')
  if (lost.length === 0) return
  throw new Error(`secrets are encrypted with ${lost.join(', ')}, which is left out: run reencrypt first`)
}
