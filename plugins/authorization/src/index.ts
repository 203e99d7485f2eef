import '@sallyport/security-context/require-node'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { Knex } from 'knex'
import {
  effectiveRoute,
  offerMeasurements,
  requireRouteDeclaration,
  type Policy,
  type Resource
} from '@sallyport/security-context'
import { applyFilter, type FilterMapping } from './apply-filter.ts'
import { isAllowed, refuseNotFound, refuseEarly, refuseOver } from './authorize-request.ts'
import { InvalidPolicyError } from './errors.ts'
import { ROUTES } from './matrix.ts'
import { issuerCount, refuseEntriesWithoutIssuer } from './issuer-count.ts'
import { readAuthorizationOptions, type AuthorizationOptions, type DecidingOptions } from './options.ts'
import { createPolicyVersion, policyMeasurement } from './policy-version.ts'
import { collectRoutePolicies } from './route-policies.ts'
import { policyMistakes } from './validate-policy.ts'

export {
  role,
  scope,
  actor,
  client,
  owner,
  attribute,
  acl,
  allOf,
  anyOf,
  type OfIssuer,
  type OwnerIdentity
} from './policies.ts'
export { decide, type Decision, type DecisionReason, type Explanation } from './decide.ts'
export { evaluate, type AccessQuestion, type Facts, type PolicyOutcome } from './evaluate.ts'
export { applyFilter, type ColumnMapping, type FilterMapping } from './apply-filter.ts'
export { grantAccess, withdrawAccess, hasAccess, ACL_TABLE, type AclEntry } from './acl.ts'
export { recordedAccessChanges, type AccessChanges, type RecordAccessChange } from './access-changes.ts'
export { aclMigrations } from './acl-migrations.ts'
export { authorizationMatrix, accessText, policyText } from './matrix.ts'
export { requiredScopes } from './required-scopes.ts'
export { policyMistakes, type IssuerCount } from './validate-policy.ts'
export type { AclOptions, AuthorizationOptions } from './options.ts'
export * as errors from './errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Version of what the routes demand of their callers, 12 hexadecimal digits: a digest of the authorization matrix.
     * After `ready()`.
     */
    policyVersion: () => string
  }
  interface FastifyRequest {
    /** What `config.resource` found, after `config.access` has allowed it; `null` on routes without a resource. */
    resource: Resource | null
    /**
     * Decides a policy inside a handler and throws the refusal: 401, 403, or 404 for a resource that is hidden.
     * @param resource what the policy decides over; `null` or `undefined` when there is none; left out for a policy
     * that needs none
     */
    authorize: (policy: Policy, ...resource: [resource?: Resource | null | undefined]) => Promise<void>
    /** `applyFilter` for this request's principal. Not async: the query is returned, not run. */
    visible: <Query extends Knex.QueryBuilder>(query: Query, policy: Policy, mapping: FilterMapping) => Query
  }
}

/**
 * Decides every route's `config.access`. What needs no resource (roles, scopes, the actor) is decided in onRequest,
 * before the body is parsed; the rest in preHandler, over what `config.resource` finds. A route without `config.access`
 * fails the boot, and so does a policy that can never decide. Register it after authentication.
 * @throws {AuthorizationOptionsError} `SALLYPORT_AUTHORIZATION_OPTIONS_INVALID`, naming every mistake
 */
async function authorization(fastify: FastifyInstance, given: AuthorizationOptions): Promise<void> {
  const read = readAuthorizationOptions(given)
  const issuers = issuerCount(fastify, read)
  const options: DecidingOptions = { ...read, issuers }
  const { acl } = options
  requireRouteDeclaration(fastify, 'access')
  fastify.decorate(ROUTES, collectRoutePolicies(fastify, acl !== undefined, issuers))
  if (acl !== undefined) {
    fastify.addHook('onReady', async function checkEntries() {
      if (issuers() === 'several') await refuseEntriesWithoutIssuer(fastify, acl)
    })
  }
  const policyVersion = createPolicyVersion(fastify)
  fastify.decorate('policyVersion', policyVersion)
  offerMeasurements(fastify, [policyMeasurement(policyVersion)])

  fastify.decorateRequest('resource', null)
  fastify.decorateRequest('authorize', async function authorize(this: FastifyRequest, policy, ...found) {
    const mistakes = policyMistakes(policy, 'policy', issuers())
    if (mistakes.length > 0) throw new InvalidPolicyError(mistakes.join('; '))
    // Undefined after a look-up means that there is no resource; a resource that was not given is different.
    const refusal = await refuseOver(this, policy, found.length === 0 ? undefined : (found[0] ?? null), options)
    if (refusal !== undefined) throw refusal
  })
  fastify.decorateRequest('visible', function visible(this: FastifyRequest, query, policy, mapping) {
    return applyFilter(query, policy, this.principal, { ...mapping, issuers: issuers() })
  })

  fastify.addHook('onRequest', function authorizeBeforeParsing(request, _reply, next) {
    const { access } = effectiveRoute(request).config
    next(access === undefined || access === 'public' ? undefined : refuseEarly(request, access))
  })

  fastify.addHook('preHandler', function authorizeResource(request, _reply, next) {
    const { access, resource } = effectiveRoute(request).config
    // What needs no resource is decided within the call of the hook, for whoever is the principal by now.
    if (resource === undefined && (typeof access !== 'object' || isAllowed(request, access))) next()
    else decideOver(request).then(() => next(), next)
  })

  async function decideOver(request: FastifyRequest): Promise<void> {
    const { access, resource: find } = effectiveRoute(request).config
    const resource = await find?.(request)
    // `first()` of a query builder returns undefined, whatever its type says.
    if (find !== undefined && resource == null) throw refuseNotFound(request)
    // Also without a resource: a policy that is still undecided here must not pass.
    const refusal = typeof access === 'object' ? await refuseOver(request, access, resource, options) : undefined
    if (refusal !== undefined) throw refusal
    request.resource = resource ?? null
  }
}

export default fastifyPlugin(authorization, {
  name: '@sallyport/authorization',
  fastify: '5.x',
  decorators: { request: ['principal'] }
})
