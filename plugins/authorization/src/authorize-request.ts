import { errorCode } from '@sallyport/security-context/mechanics'
import type { FastifyError } from '@fastify/error'
import type { FastifyRequest } from 'fastify'
import {
  effectiveRoute,
  recordSecurityEvent,
  type Policy,
  type Resource,
  type SecurityEvent
} from '@sallyport/security-context'
import { decide, type Decision } from './decide.ts'
import { ForbiddenError, ResourceNotFoundError, UnauthenticatedError } from './errors.ts'
import { attributeValue, evaluate } from './evaluate.ts'
import { loadFacts } from './load-facts.ts'
import type { DecidingOptions } from './options.ts'

/** Whether a policy allows without a resource and without the access control list. */
export function isAllowed({ principal }: FastifyRequest, policy: Policy): boolean {
  return evaluate(policy, { principal }) === 'allowed'
}

/** Refuses a request without looking at the resource: no principal, or a policy that already decides against it. */
export function refuseEarly(request: FastifyRequest, policy: 'authenticated' | Policy): FastifyError | undefined {
  if (request.principal === null) return refuseUnauthenticated(request)
  if (policy === 'authenticated' || evaluate(policy, { principal: request.principal }) !== 'denied') return undefined
  return refuseForbidden(request, decide(policy, { principal: request.principal }), null)
}

/**
 * Decides a policy over a loaded resource, and records a refusal.
 * @param resource `null` when there is none
 * @returns the error to answer with, `undefined` when the policy allows
 */
export async function refuseOver(
  request: FastifyRequest,
  policy: Policy,
  resource: Resource | null | undefined,
  options: DecidingOptions
): Promise<FastifyError | undefined> {
  const early = refuseEarly(request, policy)
  if (early !== undefined || request.principal === null) return early
  if (resource === null) return refuseNotFound(request)
  try {
    const facts = await loadFacts(policy, request.principal, resource ?? null, options)
    if (evaluate(policy, facts) === 'allowed') return undefined
    const decision = decide(policy, facts)
    const refusal = refuseForbidden(request, decision, resource ?? null)
    return options.existence === 'hide' && decision.reason !== 'resource-required'
      ? new ResourceNotFoundError({ cause: refusal })
      : refusal
  } catch (error) {
    if (errorCode(error) === 'SALLYPORT_AUTHORIZATION_ACL_UNAVAILABLE') {
      recordRefusal(request, 'failure', 'acl-unavailable', {})
    }
    throw error
  }
}

/** The refusal for a resource that does not exist: the same error as for a hidden one. */
export function refuseNotFound(request: FastifyRequest): FastifyError {
  recordRefusal(request, 'denied', 'resource-not-found', {})
  return new ResourceNotFoundError()
}

function refuseUnauthenticated(request: FastifyRequest): FastifyError {
  recordRefusal(request, 'denied', 'unauthenticated', {})
  // RFC 9110 §15.5.2: a 401 carries a challenge; RFC 6750 §3.1: without an error code when no credentials were sent.
  return Object.assign(new UnauthenticatedError(), { headers: { 'www-authenticate': 'Bearer' } })
}

function refuseForbidden(request: FastifyRequest, decision: Decision, resource: Resource | null): FastifyError {
  const { nearest, reason } = decision
  const rule = nearest?.policy
  recordRefusal(request, 'denied', reason, {
    rule: nearest?.rule ?? null,
    missing: nearest?.missing ?? null,
    ...(rule?.kind === 'acl' && resource !== null
      ? { resourceType: rule.resourceType, resourceId: String(attributeValue(resource, rule.attribute)) }
      : {})
  })
  const error = new ForbiddenError({
    cause: new Error(`${reason}: ${nearest?.missing ?? ''} (${nearest?.rule ?? ''})`)
  })
  if (rule?.kind !== 'scope') return error
  return Object.assign(error, {
    headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope="${rule.allOf.join(' ')}"` }
  })
}

function recordRefusal(
  request: FastifyRequest,
  outcome: SecurityEvent['outcome'],
  reason: string,
  detail: NonNullable<SecurityEvent['detail']>
): void {
  recordSecurityEvent(request, {
    stage: 'authorization',
    outcome,
    reason,
    detail: { ...routeDetail(request), ...detail }
  })
}

function routeDetail(request: FastifyRequest): NonNullable<SecurityEvent['detail']> {
  const { url, config } = effectiveRoute(request)
  const { audit } = config
  const route = `${request.method} ${url}`
  if (audit === undefined || audit === 'none') return { action: route }
  if (audit.resource === undefined) return { action: audit.action, route }
  return {
    action: audit.action,
    route,
    resourceType: audit.resource.type,
    resourceId: auditedParameter(request, audit.resource.parameter)
  }
}

function auditedParameter(request: FastifyRequest, name: string): string | null {
  const value: unknown =
    typeof request.params === 'object' && request.params !== null ? Reflect.get(request.params, name) : null
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null
}
