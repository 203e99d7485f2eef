import { auditOfRequest, ProblemSchema, routeResource, type ServiceInstance } from '@sallyport/service-kit'
import type { Resource } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import type { Knex } from 'knex'
import { Value } from 'typebox/value'
import * as policies from '../policies.ts'
import { NewTicketSchema, TicketOfOrderParametersSchema, TicketSchema, TicketParametersSchema } from '../schemas.ts'
import { acceptTicket } from '../tickets/accept-ticket.ts'
import { askDeliveryService } from '../tickets/ask-delivery-service.ts'
import { cancelTicket } from '../tickets/cancel-ticket.ts'
import { openTicket } from '../tickets/open-ticket.ts'
import { findTicket } from '../tickets/ticket-store.ts'
import { shownTicket } from './shown-ticket.ts'

/** What the routes work with. */
export interface TicketRouteCollaborators {
  readonly db: Knex
  /** When recovery may take up what a request has begun, in ms. */
  readonly recoveryAgeMs: () => number
}

/** The routes under `/tickets`. */
export async function ticketRoutes(
  app: ServiceInstance,
  { db, recoveryAgeMs }: TicketRouteCollaborators
): Promise<void> {
  const ticket = routeResource('ticketId', ticketId => findTicket(db, { ticketId }))
  const ofOrder = routeResource('orderId', orderId => findTicket(db, { orderId }))
  const auditedTicket = { type: 'ticket', parameter: 'ticketId' } as const

  app.post(
    '/tickets',
    {
      config: {
        access: policies.mayOpenTicket,
        resource: orderOfTicket,
        audit: { action: 'ticket.open' },
        idempotency: 'optional'
      },
      schema: { body: NewTicketSchema, response: { '2xx': TicketSchema, '4xx': ProblemSchema } }
    },
    async function openTicketRoute(request, reply) {
      const { ticket, opened } = await openTicket(
        { db, audit: auditOfRequest(request), key: request.idempotency },
        request.body
      )
      return reply.code(opened ? 201 : 200).send(shownTicket(ticket))
    }
  )

  app.get(
    '/tickets/of-order/:orderId',
    {
      config: {
        access: policies.mayReadTicketOfOrder,
        resource: ofOrder.load,
        audit: { action: 'ticket.read', resource: { type: 'order', parameter: 'orderId' }, only: 'refusals' }
      },
      schema: { params: TicketOfOrderParametersSchema, response: { 200: TicketSchema, '4xx': ProblemSchema } }
    },
    async function readTicketOfOrderRoute(request) {
      return shownTicket(ofOrder.of(request))
    }
  )

  app.post(
    '/tickets/:ticketId/cancel',
    {
      config: {
        access: policies.mayCancelTicket,
        resource: ticket.load,
        audit: { action: 'ticket.cancel', resource: auditedTicket }
      },
      schema: { params: TicketParametersSchema, response: { 200: TicketSchema, '4xx': ProblemSchema } }
    },
    async function cancelTicketRoute(request) {
      return shownTicket(await cancelTicket(db, auditOfRequest(request), ticket.of(request)))
    }
  )

  app.post(
    '/tickets/:ticketId/accept',
    {
      config: {
        access: policies.mayManageRestaurant,
        resource: ticket.load,
        audit: { action: 'ticket.accept', resource: auditedTicket }
      },
      schema: {
        params: TicketParametersSchema,
        response: { 200: TicketSchema, '4xx': ProblemSchema, '5xx': ProblemSchema }
      }
    },
    async function acceptTicketRoute(request) {
      const openDelivery = askDeliveryService(request.callAs('delivery-service'))
      return shownTicket(
        await acceptTicket(
          { db, audit: auditOfRequest(request), openDelivery, begun: { ageMs: recoveryAgeMs(), txn: request.txn } },
          ticket.of(request)
        )
      )
    }
  )
}

/** What opening a ticket is decided over: the order that it is for, as order-service describes it. */
async function orderOfTicket({ body }: FastifyRequest): Promise<Resource | null> {
  return Value.Check(NewTicketSchema, body) ? { orderId: body.orderId, customerId: body.customerId } : null
}
