import Type, { type Static } from 'typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  advanceKeys,
  listKeys,
  publishKey,
  removeKey,
  resealKeys,
  rotateInEmergency,
  startSigning,
  type KeyAdministration
} from '../../../administration/keys.ts'
import { ADMIN_ACCESS } from './access.ts'

const KeyParams = Type.Object({ kid: Type.String({ pattern: '^[\\w-]{43}$' }) })

const auditedKeysAct = (action: string) => ({ access: ADMIN_ACCESS, audit: { action } })
const auditedKeyAct = (action: string) => ({
  access: ADMIN_ACCESS,
  audit: { action, resource: { type: 'signing-key', parameter: 'kid' } }
})

/** Signing keys, for administrators. An unsafe step is answered 409 with the reason. */
export function keyAdminRoutes(
  fastify: FastifyInstance,
  administrationOf: (request: FastifyRequest) => KeyAdministration
): void {
  fastify.get('/admin/keys', { config: auditedKeysAct('key.list') }, async function answerKeys(request) {
    return { keys: await listKeys(administrationOf(request)) }
  })

  fastify.post('/admin/keys', { config: auditedKeysAct('key.publish') }, async function answerPublish(request, reply) {
    return await reply.code(201).send(await publishKey(administrationOf(request)))
  })

  fastify.post('/admin/keys/advance', { config: auditedKeysAct('key.advance') }, async function answerAdvance(request) {
    return { steps: await advanceKeys(administrationOf(request)) }
  })

  fastify.post(
    '/admin/keys/emergency',
    { config: auditedKeysAct('key.emergency-rotation') },
    async function answerEmergency(request) {
      return await rotateInEmergency(administrationOf(request))
    }
  )

  fastify.post('/admin/keys/reseal', { config: auditedKeysAct('key.reseal') }, async function answerReseal(request) {
    return { resealed: await resealKeys(administrationOf(request)) }
  })

  fastify.post<{ Params: Static<typeof KeyParams> }>(
    '/admin/keys/:kid/sign',
    { schema: { params: KeyParams }, config: auditedKeyAct('key.signing') },
    async function answerSign(request, reply) {
      await startSigning(administrationOf(request), request.params.kid)
      return await reply.code(204).send()
    }
  )

  fastify.delete<{ Params: Static<typeof KeyParams> }>(
    '/admin/keys/:kid',
    { schema: { params: KeyParams }, config: auditedKeyAct('key.removed') },
    async function answerRemove(request, reply) {
      await removeKey(administrationOf(request), request.params.kid)
      return await reply.code(204).send()
    }
  )
}
