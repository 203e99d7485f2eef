import {
  auditOfRequest,
  PageQuerySchema,
  ProblemSchema,
  routeResource,
  type ServiceInstance
} from '@sallyport/service-kit'
import { requirePrincipal, type Policy } from '@sallyport/security-context'
import type { Knex } from 'knex'
import type { Static } from 'typebox'
import { findDeliveries, findDelivery, type StoredDelivery } from '../deliveries/delivery-store.ts'
import { openDelivery } from '../deliveries/open-delivery.ts'
import type { DeliveryStep } from '../deliveries/steps.ts'
import { takeStep } from '../deliveries/take-step.ts'
import * as policies from '../policies.ts'
import {
  DeliveryOfOrderParametersSchema,
  DeliverySchema,
  DeliveryPageSchema,
  DeliveryParametersSchema,
  NewDeliverySchema
} from '../schemas.ts'

/** The routes of delivery-service. */
export async function deliveryRoutes(app: ServiceInstance, { db }: { readonly db: Knex }): Promise<void> {
  const delivery = routeResource('deliveryId', deliveryId => findDelivery(db, { deliveryId }))
  const ofOrder = routeResource('orderId', orderId => findDelivery(db, { orderId }))

  app.get(
    '/deliveries',
    {
      config: { access: policies.mayListDeliveries, audit: { action: 'delivery.list', only: 'refusals' } },
      schema: { querystring: PageQuerySchema, response: { 200: DeliveryPageSchema, '4xx': ProblemSchema } }
    },
    async function listDeliveriesRoute(request) {
      const { rows, next } = await findDeliveries(
        db,
        policies.mayReadDelivery,
        requirePrincipal(request),
        request.query
      )
      return { deliveries: rows.map(shownDelivery), next }
    }
  )

  app.get(
    '/deliveries/of-order/:orderId',
    {
      config: {
        access: policies.mayReadDeliveryOfOrder,
        resource: ofOrder.load,
        audit: { action: 'delivery.read', resource: { type: 'order', parameter: 'orderId' }, only: 'refusals' }
      },
      schema: {
        params: DeliveryOfOrderParametersSchema,
        response: { 200: DeliverySchema, '4xx': ProblemSchema }
      }
    },
    async function readDeliveryOfOrderRoute(request) {
      return shownDelivery(ofOrder.of(request))
    }
  )

  app.post(
    '/deliveries',
    {
      config: { access: policies.mayOpenDelivery, audit: { action: 'delivery.open' }, idempotency: 'optional' },
      schema: { body: NewDeliverySchema, response: { '2xx': DeliverySchema, '4xx': ProblemSchema } }
    },
    async function openDeliveryRoute(request, reply) {
      const { delivery, opened } = await openDelivery(
        { db, audit: auditOfRequest(request), key: request.idempotency },
        request.body
      )
      return reply.code(opened ? 201 : 200).send(shownDelivery(delivery))
    }
  )

  function addStep(step: DeliveryStep, access: Policy): void {
    app.post(
      `/deliveries/:deliveryId/${step}`,
      {
        config: {
          access,
          resource: delivery.load,
          audit: { action: `delivery.${step}`, resource: { type: 'delivery', parameter: 'deliveryId' } }
        },
        schema: { params: DeliveryParametersSchema, response: { 200: DeliverySchema, '4xx': ProblemSchema } }
      },
      async function takeStepRoute(request) {
        const { deliveryId } = delivery.of(request)
        return shownDelivery(
          await takeStep(db, auditOfRequest(request), step, deliveryId, requirePrincipal(request).subject)
        )
      }
    )
  }
  addStep('accept', policies.mayAcceptDelivery)
  addStep('pickup', policies.mayCarryDelivery)
  addStep('deliver', policies.mayCarryDelivery)
}

/** A courier need not know whose order it is. */
function shownDelivery({ customerId: _hidden, createdAt, ...delivery }: StoredDelivery): Static<typeof DeliverySchema> {
  return { ...delivery, createdAt: createdAt.toISOString() }
}
