import { randomUUID } from 'node:crypto'
import type { Idempotency } from '@sallyport/idempotency'
import type { RecordAudit } from '@sallyport/service-kit'
import type { Knex } from 'knex'
import { MenuItemTakenError } from '../errors.ts'
import type { MenuItem, NewMenu } from '../schemas.ts'
import { findMenu, lockRestaurant, storeMenu } from './restaurant-store.ts'

/** What menus are replaced with. */
export interface ReplaceMenuCollaborators {
  readonly db: Knex
  readonly audit: RecordAudit
  /** New items get new ids: a repetition must not make them again. */
  readonly key: Idempotency
}

/**
 * Replaces a restaurant's menu as a whole; the audit row holds both menus.
 *
 * An item with an id keeps it, but only when the id is of this menu. Callers cannot choose ids: otherwise one
 * restaurant could take the id under which orders refer to a dish of another one.
 * @throws `SALLYPORT_RESTAURANT_ITEM_TAKEN`
 */
export async function replaceMenu(
  { db, audit, key }: ReplaceMenuCollaborators,
  restaurantId: string,
  { items }: NewMenu
): Promise<MenuItem[]> {
  return db.transaction(async trx => {
    await key.claim(trx)
    await lockRestaurant(trx, restaurantId)
    const before = await findMenu(trx, restaurantId)
    const after = items.map(({ menuItemId, name, priceCents }) => ({
      menuItemId: menuItemId ?? randomUUID(),
      name,
      priceCents
    }))
    const kept = items.flatMap(({ menuItemId }) => (menuItemId === undefined ? [] : [menuItemId]))
    const known = new Set(before.map(({ menuItemId }) => menuItemId))
    if (new Set(kept).size < kept.length || !kept.every(id => known.has(id))) throw new MenuItemTakenError()
    await storeMenu(trx, restaurantId, after)
    await audit(trx, { action: 'menu.replace', outcome: 'success', detail: { before, after } })
    await key.store(trx, { status: 200, body: { restaurantId, items: after } })
    return after
  })
}
