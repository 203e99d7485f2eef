import type { RecordAudit } from '@sallyport/service-kit'
import type { Knex } from 'knex'
import type { SecretPlace, SecretRing } from './secret-ring.ts'

/** Secrets of one transaction. */
const ENCRYPTED_TOGETHER = 200

interface OutdatedRow extends SecretPlace {
  readonly version: number
  readonly key_id: string
  readonly sealed: Buffer
}

/**
 * Encrypts every secret of every version under the newest key of the ring, a part at a time, so that older keys can be
 * taken out of it. Can be broken off and run again.
 * @returns how many were encrypted again
 * @throws `SALLYPORT_CONFIGSERVER_SECRET_UNREADABLE` for one that the ring cannot decrypt
 */
export async function encryptAgain(db: Knex, ring: SecretRing, audit: RecordAudit): Promise<number> {
  for (let total = 0; ;) {
    const count = await db.transaction(async trx => {
      const rows: OutdatedRow[] = await trx('configuration_secrets')
        .whereNot('key_id', ring.newestKeyId)
        .limit(ENCRYPTED_TOGETHER)
        .forUpdate()
      for (const row of rows) await encryptRow(trx, ring, row)
      if (rows.length > 0) {
        const detail = { count: rows.length, key: ring.newestKeyId }
        await audit(trx, { action: 'configuration.re-encrypt', outcome: 'success', detail })
      }
      return rows.length
    })
    total += count
    if (count < ENCRYPTED_TOGETHER) return total
  }
}

async function encryptRow(trx: Knex, ring: SecretRing, row: OutdatedRow): Promise<void> {
  const { application, profile, label, version, name, key_id: keyId, sealed } = row
  const place = { application, profile, label, name }
  const renewed = ring.sealSecret(place, ring.openSecret(place, { keyId, sealed }))
  await trx('configuration_secrets')
    .where({ ...place, version })
    .update({ key_id: renewed.keyId, sealed: renewed.sealed })
}
