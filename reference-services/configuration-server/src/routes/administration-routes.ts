import { requirePrincipal } from '@sallyport/security-context'
import { auditOfRequest, Instant, ProblemSchema, type ServiceInstance } from '@sallyport/service-kit'
import type { FastifyRequest } from 'fastify'
import type { Knex } from 'knex'
import Type from 'typebox'
import type { ChangeFeed } from '../changes/change-feed.ts'
import {
  replaceConfiguration,
  rollBackConfiguration,
  type ChangeCollaborators
} from '../configurations/change-configuration.ts'
import { ContentSchema } from '../configurations/configuration-content.ts'
import { ConfigurationKeySchema, ConfigurationName } from '../configurations/configuration-names.ts'
import { readDifference, readMaskedVersion } from '../configurations/inspect-configuration.ts'
import { mayInspectConfigurations, mayWriteConfigurations } from '../policies.ts'
import type { SecretRing } from '../secrets/secret-ring.ts'
import { listConfigurations, listVersions } from '../store/configuration-lists.ts'
import { entityTag, writeCondition } from './conditions.ts'

const VersionNumber = Type.String({ pattern: '^[1-9][0-9]{0,8}$' })
const VersionParameters = Type.Object(
  { ...ConfigurationKeySchema.properties, version: VersionNumber },
  { additionalProperties: false }
)
const ListQuery = Type.Object(
  { after: Type.Optional(Type.String({ pattern: `^[^/]{1,64}/[^/]{1,64}/[^/]{1,64}$` })) },
  { additionalProperties: false }
)
const VersionsQuery = Type.Object({ before: Type.Optional(VersionNumber) }, { additionalProperties: false })
const DifferenceQuery = Type.Object({ from: VersionNumber, to: VersionNumber }, { additionalProperties: false })
const RollBackBody = Type.Object(
  { version: Type.Integer({ minimum: 1, maximum: 999_999_999 }) },
  { additionalProperties: false }
)

const Masked = Type.Record(Type.String(), Type.Unknown())
const MaskedVersionSchema = Type.Object({ version: Type.Integer(), values: Masked, secrets: Masked })
const ChangedSchema = Type.Object({ version: Type.Integer(), isChanged: Type.Boolean() })
const DifferenceSchema = Type.Object({ added: Masked, removed: Masked, changed: Masked })
const ListSchema = Type.Object({
  configurations: Type.Array(
    Type.Object({
      application: ConfigurationName,
      profile: ConfigurationName,
      label: ConfigurationName,
      version: Type.Integer()
    })
  )
})
const VersionListSchema = Type.Object({
  versions: Type.Array(
    Type.Object({
      version: Type.Integer(),
      restoredVersion: Type.Union([Type.Integer(), Type.Null()]),
      author: Type.String(),
      createdAt: Instant
    })
  )
})

/** What the routes of administrators work with. */
export interface AdministrationCollaborators {
  readonly db: Knex
  readonly ring: SecretRing
  readonly feed: ChangeFeed
}

const ONE = '/admin/configurations/:application/:profile/:label'
const auditedApplication = { type: 'application', parameter: 'application' } as const
const problems = { '4xx': ProblemSchema, '5xx': ProblemSchema }
const inspected = {
  access: mayInspectConfigurations,
  audit: { action: 'configuration.inspect', resource: auditedApplication, only: 'refusals' }
} as const

/** What administrators see: secrets are masked everywhere. */
export async function inspectionRoutes(
  app: ServiceInstance,
  { db, ring }: Pick<AdministrationCollaborators, 'db' | 'ring'>
): Promise<void> {
  app.get(
    '/admin/configurations',
    {
      config: { ...inspected, audit: { action: 'configuration.inspect', only: 'refusals' } },
      schema: { querystring: ListQuery, response: { 200: ListSchema, ...problems } }
    },
    async function listConfigurationsRoute(request) {
      const [application = '', profile = '', label = ''] = request.query.after?.split('/') ?? []
      const after = request.query.after === undefined ? null : { application, profile, label }
      return { configurations: [...(await listConfigurations(db, after))] }
    }
  )

  app.get(
    ONE,
    {
      config: inspected,
      schema: { params: ConfigurationKeySchema, response: { 200: MaskedVersionSchema, ...problems } }
    },
    async function inspectConfigurationRoute(request, reply) {
      const masked = await readMaskedVersion(db, request.params, 'current')
      void reply.header('etag', entityTag(masked.version))
      return masked
    }
  )

  app.get(
    `${ONE}/versions`,
    {
      config: inspected,
      schema: {
        params: ConfigurationKeySchema,
        querystring: VersionsQuery,
        response: { 200: VersionListSchema, ...problems }
      }
    },
    async function listVersionsRoute(request) {
      const { before } = request.query
      const versions = await listVersions(db, request.params, before === undefined ? null : Number(before))
      return { versions: versions.map(listed => ({ ...listed, createdAt: listed.createdAt.toISOString() })) }
    }
  )

  app.get(
    `${ONE}/versions/:version`,
    { config: inspected, schema: { params: VersionParameters, response: { 200: MaskedVersionSchema, ...problems } } },
    async function inspectVersionRoute(request) {
      const { version, ...key } = request.params
      return await readMaskedVersion(db, key, Number(version))
    }
  )

  app.get(
    `${ONE}/diff`,
    {
      config: inspected,
      schema: {
        params: ConfigurationKeySchema,
        querystring: DifferenceQuery,
        response: { 200: DifferenceSchema, ...problems }
      }
    },
    async function compareVersionsRoute(request) {
      const { from, to } = request.query
      return await readDifference(db, ring, request.params, Number(from), Number(to))
    }
  )
}

/** How administrators change configurations: each change says which version it changes. */
export async function changingRoutes(
  app: ServiceInstance,
  { db, ring, feed }: AdministrationCollaborators
): Promise<void> {
  const collaboratorsOf = (request: FastifyRequest): ChangeCollaborators => ({
    db,
    ring,
    audit: auditOfRequest(request),
    author: requirePrincipal(request).subject
  })

  app.put(
    ONE,
    {
      config: {
        access: mayWriteConfigurations,
        audit: { action: 'configuration.replace', resource: auditedApplication }
      },
      schema: { params: ConfigurationKeySchema, body: ContentSchema, response: { 200: ChangedSchema, ...problems } }
    },
    async function replaceConfigurationRoute(request, reply) {
      const expected = writeCondition(request)
      const changed = await replaceConfiguration(collaboratorsOf(request), request.params, expected, () => request.body)
      await feed.look()
      void reply.header('etag', entityTag(changed.version))
      return changed
    }
  )

  app.post(
    `${ONE}/rollback`,
    {
      config: {
        access: mayWriteConfigurations,
        audit: { action: 'configuration.roll-back', resource: auditedApplication }
      },
      schema: { params: ConfigurationKeySchema, body: RollBackBody, response: { 200: ChangedSchema, ...problems } }
    },
    async function rollBackConfigurationRoute(request, reply) {
      const expected = writeCondition(request)
      const changed = await rollBackConfiguration(
        collaboratorsOf(request),
        request.params,
        expected,
        request.body.version
      )
      await feed.look()
      void reply.header('etag', entityTag(changed.version))
      return changed
    }
  )
}
