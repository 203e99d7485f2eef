import { auditOfRequest, ProblemSchema, type ServiceInstance } from '@sallyport/service-kit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Knex } from 'knex'
import Type from 'typebox'
import { ConfigurationName, DEFAULT_LABEL, ProfileList } from '../configurations/configuration-names.ts'
import {
  environmentVersion,
  readStoredEnvironment,
  secretNames,
  springEnvironment,
  type SpringEnvironment
} from '../configurations/spring-environment.ts'
import { ConfigurationUnknownError } from '../errors.ts'
import { mayReadConfiguration, mayReadSecrets } from '../policies.ts'
import type { SecretRing } from '../secrets/secret-ring.ts'
import { requestedApplication } from './caller-resource.ts'
import { entityTag, isKnownToCaller } from './conditions.ts'

const EnvironmentParameters = Type.Object(
  { application: ConfigurationName, profile: ProfileList },
  { additionalProperties: false }
)

/** With a label too. */
export const LabelledParameters = Type.Object(
  { application: ConfigurationName, profile: ProfileList, label: ConfigurationName },
  { additionalProperties: false }
)

const EnvironmentSchema = Type.Object({
  name: Type.String(),
  profiles: Type.Array(Type.String()),
  label: Type.String(),
  version: Type.String(),
  state: Type.Null(),
  propertySources: Type.Array(Type.Object({ name: Type.String(), source: Type.Record(Type.String(), Type.Unknown()) }))
})

const READ_AUDIT = {
  action: 'configuration.read',
  resource: { type: 'application', parameter: 'application' },
  only: 'refusals'
} as const

/** What the routes of environments work with. */
export interface EnvironmentCollaborators {
  readonly db: Knex
  readonly ring: SecretRing
}

/** The JSON of Spring Cloud Config, for applications. */
export async function environmentRoutes(app: ServiceInstance, collaborators: EnvironmentCollaborators): Promise<void> {
  const config = { access: mayReadConfiguration, resource: requestedApplication, audit: READ_AUDIT }
  const response = { 200: EnvironmentSchema, 304: Type.Null(), '4xx': ProblemSchema, '5xx': ProblemSchema }

  app.get(
    '/:application/:profile',
    { config, schema: { params: EnvironmentParameters, response } },
    async function readDefaultLabelRoute(request, reply) {
      return await answerEnvironment(collaborators, request, reply, { ...request.params, label: DEFAULT_LABEL })
    }
  )

  app.get(
    '/:application/:profile/:label',
    { config, schema: { params: LabelledParameters, response } },
    async function readLabelRoute(request, reply) {
      return await answerEnvironment(collaborators, request, reply, request.params)
    }
  )
}

/**
 * Whoever may not see the secrets of a configuration gets none of it: a mask in their place would be taken for a value.
 * Each answer with secrets has its row in the audit trail, with their names.
 */
async function answerEnvironment(
  { db, ring }: EnvironmentCollaborators,
  request: FastifyRequest,
  reply: FastifyReply,
  { application, profile, label }: { readonly application: string; readonly profile: string; readonly label: string }
): Promise<SpringEnvironment | null> {
  const environment = await readStoredEnvironment(db, { application, profiles: profile.split(','), label })
  if (environment.sources.length === 0) throw new ConfigurationUnknownError()
  const secrets = secretNames(environment)
  if (secrets.length > 0) await request.authorize(mayReadSecrets)
  const version = environmentVersion(environment)
  const tag = entityTag(version)
  void reply.header('etag', tag)
  if (isKnownToCaller(request, tag)) {
    void reply.code(304)
    return null
  }
  const answer = springEnvironment(ring, environment)
  if (secrets.length > 0) {
    const detail = { profile, label, version, names: secrets }
    await auditOfRequest(request)(db, { action: 'configuration.read-secrets', outcome: 'success', detail })
  }
  return answer
}
