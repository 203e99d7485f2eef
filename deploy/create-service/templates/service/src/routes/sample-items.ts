import { requirePrincipal } from '@sallyport/security-context'
import { auditOfRequest, Id, lineOfText, ProblemSchema, type ServiceInstance } from '@sallyport/service-kit'
import type { Knex } from 'knex'
import Type from 'typebox'
import { mayWriteSampleItem } from '../policies.ts'

const SampleItemParameters = Type.Object({ sampleItemId: Id }, { additionalProperties: false })
const SampleItemBody = Type.Object({ content: lineOfText(200) }, { additionalProperties: false })

/** The routes of the service. */
export async function sampleItemRoutes(app: ServiceInstance, { db }: { readonly db: Knex }): Promise<void> {
  const resource = { type: 'sample-item', parameter: 'sampleItemId' }

  app.put(
    '/sample-items/:sampleItemId',
    {
      config: { access: mayWriteSampleItem, audit: { action: 'sample-item.write', resource } },
      schema: {
        params: SampleItemParameters,
        body: SampleItemBody,
        response: { 204: Type.Null(), '4xx': ProblemSchema }
      }
    },
    async function writeSampleItemRoute(request, reply) {
      const { subject } = requirePrincipal(request)
      const { sampleItemId } = request.params
      const { content } = request.body
      // The row and its audit row are committed together, or neither.
      const row = { owner_id: subject, sample_item_id: sampleItemId, content }
      await db.transaction(async trx => {
        await trx('sample_items').insert(row).onConflict(['owner_id', 'sample_item_id']).merge()
        await auditOfRequest(request)(trx, {
          action: 'sample-item.write',
          outcome: 'success',
          detail: { after: { content } }
        })
      })
      return await reply.code(204).send(null)
    }
  )
}
