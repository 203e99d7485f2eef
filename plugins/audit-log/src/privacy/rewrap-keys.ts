import type { RingKey } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { poolAsItIs } from '../connection.ts'
import { wrapAgain, type StoredKey } from './wrap-key.ts'

const KEYS_OF_A_STEP = 500

/** What was wrapped again. */
export interface RewrappingResult {
  readonly rewrapped: number
  /** Keys that no key of the ring opens: they stay as they are. */
  readonly unopened: number
}

/**
 * Wraps every key of a person under the newest key of the ring. Then the older ones can be destroyed, and with them
 * what backups have of the keys of persons who were erased since.
 * @param given pool of the pruner role
 * @param onProgress called after each step, with the number of keys so far
 */
export async function rewrapPersonKeys(
  given: Knex,
  ring: readonly RingKey[],
  onProgress: (keys: number) => void = () => {}
): Promise<RewrappingResult> {
  const db = poolAsItIs(given)
  let [rewrapped, unopened, after] = [0, 0, '00000000-0000-0000-0000-000000000000']
  for (;;) {
    const keys = await db('audit_person_keys')
      .where('id', '>', after)
      .orderBy('id')
      .limit(KEYS_OF_A_STEP)
      .select<StoredKey[]>('id', { wrappedBy: 'wrapped_by' }, 'wrapped')
    for (const key of keys) {
      const again = wrapAgain(key, ring)
      if (again === null && key.wrappedBy !== ring[0]?.id) unopened++
      if (again === null) continue
      // Only where nobody has done it meanwhile.
      rewrapped += await db('audit_person_keys')
        .where({ id: key.id, wrapped_by: key.wrappedBy })
        .update({ wrapped_by: again.wrappedBy, wrapped: again.wrapped })
    }
    const last = keys.at(-1)
    if (last === undefined) return { rewrapped, unopened }
    after = last.id
    onProgress(rewrapped)
  }
}
