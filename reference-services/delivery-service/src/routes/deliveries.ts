import {
  auditOf,
  callerOf,
  PageQuerySchema,
  ProblemSchema,
  routeResource,
  type ServiceInstance
} from '@sallyport/service-kit'
import type { Policy } from '@sallyport/security-context'
import type { Knex } from 'knex'
import type { Static } from 'typebox'
import { findDeliveries, findDelivery, type StoredDelivery } from '../deliveries/delivery-store.ts'
import { openDelivery } from '../deliveries/open-delivery.ts'
import type { Step } from '../deliveries/steps.ts'
import { takeStep } from '../deliveries/take-step.ts'
import * as policies from '../policies.ts'
import { DeliverySchema, DeliveryPageSchema, DeliveryParametersSchema, NewDeliverySchema } from '../schemas.ts'

/** The routes of delivery-service. */
export async function deliveryRoutes(app: ServiceInstance, { db }: { readonly db: Knex }): Promise<void> {
  const delivery = routeResource('deliveryId', deliveryId => findDelivery(db, { deliveryId }))

  app.get(
    '/deliveries',
    {
      config: { access: policies.listDeliveries, audit: { action: 'delivery.list', only: 'refusals' } },
      schema: { querystring: PageQuerySchema, response: { 200: DeliveryPageSchema, '4xx': ProblemSchema } }
    },
    async function listDeliveriesRoute(request) {
      const { rows, next } = await findDeliveries(db, policies.readDelivery, callerOf(request), request.query)
      return { deliveries: rows.map(shown), next }
    }
  )

  app.post(
    '/deliveries',
    {
      config: { access: policies.openDelivery, audit: { action: 'delivery.open' }, idempotency: 'optional' },
      schema: { body: NewDeliverySchema, response: { '2xx': DeliverySchema, '4xx': ProblemSchema } }
    },
    async function openDeliveryRoute(request, reply) {
      const { delivery, opened } = await openDelivery(
        { db, audit: auditOf(request), key: request.idempotency },
        request.body
      )
      return reply.code(opened ? 201 : 200).send(shown(delivery))
    }
  )

  function addStep(step: Step, access: Policy): void {
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
        return shown(await takeStep(db, auditOf(request), step, deliveryId, callerOf(request).subject))
      }
    )
  }
  addStep('accept', policies.acceptDelivery)
  addStep('pickup', policies.carryDelivery)
  addStep('deliver', policies.carryDelivery)
}

function shown({ createdAt, ...delivery }: StoredDelivery): Static<typeof DeliverySchema> {
  return { ...delivery, createdAt: createdAt.toISOString() }
}
