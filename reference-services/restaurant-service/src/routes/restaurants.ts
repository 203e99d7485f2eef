import {
  auditOfRequest,
  PageQuerySchema,
  ProblemSchema,
  routeResource,
  type ServiceInstance
} from '@sallyport/service-kit'
import type { Knex } from 'knex'
import * as policies from '../policies.ts'
import { replaceMenu } from '../restaurants/replace-menu.ts'
import { findMenu, findRestaurant, findRestaurants } from '../restaurants/restaurant-store.ts'
import {
  MenuSchema,
  NewMenuSchema,
  RestaurantListSchema,
  RestaurantParametersSchema,
  TicketPageSchema
} from '../schemas.ts'
import { findTickets } from '../tickets/ticket-store.ts'
import { shownTicket } from './shown-ticket.ts'

/** Reads are too frequent to record, but a refused one names the restaurant. */
const refusedRead = (action: string) =>
  ({ action, resource: { type: 'restaurant', parameter: 'restaurantId' }, only: 'refusals' }) as const

/** The routes under `/restaurants`. */
export async function restaurantRoutes(app: ServiceInstance, { db }: { readonly db: Knex }): Promise<void> {
  const restaurant = routeResource('restaurantId', restaurantId => findRestaurant(db, restaurantId))

  app.get(
    '/restaurants',
    {
      config: { access: policies.mayReadRestaurants, audit: { action: 'restaurant.list', only: 'refusals' } },
      schema: { response: { 200: RestaurantListSchema, '4xx': ProblemSchema } }
    },
    async function listRestaurantsRoute() {
      return { restaurants: await findRestaurants(db) }
    }
  )

  app.get(
    '/restaurants/:restaurantId/menu',
    {
      config: { access: policies.mayReadRestaurants, resource: restaurant.load, audit: refusedRead('menu.read') },
      schema: { params: RestaurantParametersSchema, response: { 200: MenuSchema, '4xx': ProblemSchema } }
    },
    async function readMenuRoute(request) {
      const { restaurantId } = restaurant.of(request)
      return { restaurantId, items: await findMenu(db, restaurantId) }
    }
  )

  app.put(
    '/restaurants/:restaurantId/menu',
    {
      config: {
        access: policies.mayManageRestaurant,
        resource: restaurant.load,
        audit: { action: 'menu.replace', resource: { type: 'restaurant', parameter: 'restaurantId' } },
        idempotency: 'optional'
      },
      schema: {
        params: RestaurantParametersSchema,
        body: NewMenuSchema,
        response: { 200: MenuSchema, '4xx': ProblemSchema }
      }
    },
    async function replaceMenuRoute(request) {
      const { restaurantId } = restaurant.of(request)
      const collaborators = { db, audit: auditOfRequest(request), key: request.idempotency }
      return { restaurantId, items: await replaceMenu(collaborators, restaurantId, request.body) }
    }
  )

  app.get(
    '/restaurants/:restaurantId/tickets',
    {
      config: { access: policies.mayReadTickets, resource: restaurant.load, audit: refusedRead('ticket.list') },
      schema: {
        params: RestaurantParametersSchema,
        querystring: PageQuerySchema,
        response: { 200: TicketPageSchema, '4xx': ProblemSchema }
      }
    },
    async function listTicketsRoute(request) {
      const { rows, next } = await findTickets(db, restaurant.of(request).restaurantId, request.query)
      return { tickets: rows.map(shownTicket), next }
    }
  )
}
