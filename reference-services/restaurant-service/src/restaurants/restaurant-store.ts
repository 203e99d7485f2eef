import type { Knex } from 'knex'
import type { MenuItem } from '../schemas.ts'

/** A restaurant as it is stored. */
export interface StoredRestaurant {
  readonly restaurantId: string
  readonly name: string
}

const RESTAURANT_COLUMNS = { restaurantId: 'restaurant_id', name: 'name' } as const
const MENU_ITEM_COLUMNS = { menuItemId: 'menu_item_id', name: 'name', priceCents: 'price_cents' } as const

/** All restaurants, by name. */
export async function findRestaurants(db: Knex): Promise<StoredRestaurant[]> {
  return db('restaurants').select(RESTAURANT_COLUMNS).orderBy('name')
}

/** One restaurant; `null` when there is none. */
export async function findRestaurant(db: Knex, restaurantId: string): Promise<StoredRestaurant | null> {
  const restaurant: StoredRestaurant | undefined = await db('restaurants')
    .where({ restaurant_id: restaurantId })
    .select(RESTAURANT_COLUMNS)
    .first()
  return restaurant ?? null
}

/** The menu in its own order. */
export async function findMenu(db: Knex, restaurantId: string): Promise<MenuItem[]> {
  return db('menu_items').where({ restaurant_id: restaurantId }).select(MENU_ITEM_COLUMNS).orderBy('position')
}

/** Blocks other changes of the menu of this restaurant until the transaction ends. */
export async function lockRestaurant(trx: Knex, restaurantId: string): Promise<void> {
  await trx('restaurants').where({ restaurant_id: restaurantId }).forUpdate().select('restaurant_id')
}

/** Replaces the menu by `items`. Rejects with a unique violation of PostgreSQL when an id is taken. */
export async function storeMenu(trx: Knex, restaurantId: string, items: readonly MenuItem[]): Promise<void> {
  await trx('menu_items').where({ restaurant_id: restaurantId }).delete()
  if (items.length === 0) return
  await trx('menu_items').insert(
    items.map(({ menuItemId, name, priceCents }, position) => ({
      menu_item_id: menuItemId,
      restaurant_id: restaurantId,
      position,
      name,
      price_cents: priceCents
    }))
  )
}
