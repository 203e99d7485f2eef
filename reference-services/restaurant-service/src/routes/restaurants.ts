import { PageQuery, Problem, routeResource, type ServiceInstance } from '@sallyport/chassis'
import type { Knex } from 'knex'
import * as policies from '../policies.ts'
import { replaceMenu } from '../restaurants/replace-menu.ts'
import { findMenu, findRestaurant, findRestaurants } from '../restaurants/restaurant-store.ts'
import { Menu, NewMenu, RestaurantList, RestaurantParameters, TicketPage } from '../schemas.ts'
import { findTickets } from '../tickets/ticket-store.ts'
import { shownTicket } from './shown-ticket.ts'

/** The routes under `/restaurants`. */
export async function restaurantRoutes (app: ServiceInstance, { db }: { readonly db: Knex }): Promise<void> {
  const restaurant = routeResource('restaurantId', restaurantId => findRestaurant(db, restaurantId))

  app.get('/restaurants', {
    config: { access: policies.readRestaurants, audit: 'none' },
    schema: { response: { 200: RestaurantList, '4xx': Problem } }
  }, async function listRestaurantsRoute () {
    return { restaurants: await findRestaurants(db) }
  })

  app.get('/restaurants/:restaurantId/menu', {
    config: { access: policies.readRestaurants, resource: restaurant.load, audit: 'none' },
    schema: { params: RestaurantParameters, response: { 200: Menu, '4xx': Problem } }
  }, async function readMenuRoute (request) {
    const { restaurantId } = restaurant.of(request)
    return { restaurantId, items: await findMenu(db, restaurantId) }
  })

  app.put('/restaurants/:restaurantId/menu', {
    config: { access: policies.manageRestaurant, resource: restaurant.load, audit: { action: 'menu.replace', resource: { type: 'restaurant', parameter: 'restaurantId' } } },
    schema: { params: RestaurantParameters, body: NewMenu, response: { 200: Menu, '4xx': Problem } }
  }, async function replaceMenuRoute (request) {
    const { restaurantId } = restaurant.of(request)
    return { restaurantId, items: await replaceMenu(db, (trx, event) => request.audit(trx, event), restaurantId, request.body) }
  })

  app.get('/restaurants/:restaurantId/tickets', {
    config: { access: policies.readTickets, resource: restaurant.load, audit: 'none' },
    schema: { params: RestaurantParameters, querystring: PageQuery, response: { 200: TicketPage, '4xx': Problem } }
  }, async function listTicketsRoute (request) {
    const { rows, next } = await findTickets(db, restaurant.of(request).restaurantId, request.query)
    return { tickets: rows.map(shownTicket), next }
  })
}
