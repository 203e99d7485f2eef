import type { Policy, Principal, Resource } from '@sallyport/security-context'
import { comparableText } from './comparable-text.ts'

/** `undecided`: the given facts neither allow nor deny. */
export type PolicyOutcome = 'allowed' | 'denied' | 'undecided'

/** A question to the access control list about one resource. */
export interface AccessQuestion {
  readonly resourceType: string
  readonly resourceId: string
  readonly permission: string
}

/** What a decision is based on. A fact that is left out is unknown, and a policy that needs it does not allow. */
export interface Facts {
  readonly principal: Principal | null
  readonly resource?: Resource | null | undefined
  /** Answers from the access control list for this principal, loaded before the decision. */
  readonly hasAccess?: ((question: AccessQuestion) => boolean) | undefined
}

/** A policy that has no parts. */
export type Rule = Exclude<Policy, { readonly kind: 'allOf' | 'anyOf' }>

/**
 * Decides with the given facts, with three outcomes: what is `undecided` before the body is parsed is decided again
 * when the resource is loaded. A caller without a principal is never allowed, and an empty or unknown policy never
 * allows.
 */
export function evaluate(policy: Policy, facts: Facts): PolicyOutcome {
  if (facts.principal === null) return 'denied'
  switch (policy.kind) {
    case 'allOf':
      return evaluateAll(policy.policies, facts)
    case 'anyOf':
      return evaluateAny(policy.policies, facts)
    default:
      return evaluateRule(policy, facts.principal, facts)
  }
}

/** The outcome of one rule for an authenticated principal. */
export function evaluateRule(rule: Rule, principal: Principal, facts: Facts): PolicyOutcome {
  switch (rule.kind) {
    case 'role':
      return verdict(rule.anyOf.some(name => ruleHolds(principal.roles, name)))
    case 'scope':
      return verdict(rule.allOf.length > 0 && rule.allOf.every(token => ruleHolds(principal.scopes, token)))
    case 'actor':
      return verdict(isActor(principal, rule))
    case 'client':
      return verdict(isClientItself(principal, rule.clientId) && isOfIssuer(principal.issuer, rule.issuer))
    case 'owner':
      return overResource(facts, resource => verdict(isOwner(principal, rule, resource)))
    case 'attribute':
      return overResource(facts, resource =>
        verdict(rule.anyOf.some(value => isWantedValue(value, attributeValue(resource, rule.attribute))))
      )
    case 'acl':
      return overResource(facts, resource => evaluateAcl(rule, principal, resource, facts))
    default:
      return 'denied'
  }
}

/** Where a rule names no issuer, there is only one. */
function isOfIssuer(issuer: string | null, wanted: string | undefined): boolean {
  return wanted === undefined || issuer === wanted
}

/** Where the issuer of a token does not say otherwise, its actors are its own clients. @see RFC 8693 §4.1 */
function isActor({ actor, claims, issuer }: Principal, rule: Extract<Policy, { kind: 'actor' }>): boolean {
  if (actor == null || actor.subject !== rule.clientId) return false
  const act: unknown = claims['act']
  const named: unknown = typeof act === 'object' && act !== null ? Reflect.get(act, 'iss') : undefined
  return isOfIssuer(named === undefined ? issuer : typeof named === 'string' ? named : null, rule.issuer)
}

function isOwner(principal: Principal, rule: Extract<Policy, { kind: 'owner' }>, resource: Resource): boolean {
  if (ownerText(principal) !== comparableText(attributeValue(resource, rule.attribute))) return false
  if (!isOfIssuer(principal.issuer, rule.issuer)) return false
  if (rule.issuerAttribute === undefined) return true
  return principal.issuer !== null && principal.issuer === attributeValue(resource, rule.issuerAttribute)
}

/** A client is the subject of its own tokens. @see RFC 9068 §2.2 */
function isClientItself({ clientId, subject, actor, sessionId }: Principal, wanted: string): boolean {
  return clientId === wanted && subject === wanted && actor === null && sessionId === null
}

/** The principal's subject as a row stores it; `undefined`, which equals no attribute, when no row can store it. */
export function ownerText(principal: Principal): string | undefined {
  const text = typeof principal.subject === 'string' ? comparableText(principal.subject) : null
  return text === null || text === '' ? undefined : text
}

/** The question of an ACL rule about this resource; `null` when the resource has no id that an entry can name. */
export function accessQuestion(rule: Extract<Policy, { kind: 'acl' }>, resource: Resource): AccessQuestion | null {
  const resourceId = comparableText(attributeValue(resource, rule.attribute))
  return resourceId === null ? null : { resourceType: rule.resourceType, resourceId, permission: rule.permission }
}

function evaluateAcl(
  rule: Extract<Policy, { kind: 'acl' }>,
  principal: Principal,
  resource: Resource,
  facts: Facts
): PolicyOutcome {
  const question = accessQuestion(rule, resource)
  if (question === null || ownerText(principal) === undefined) return 'denied'
  return facts.hasAccess === undefined ? 'undecided' : verdict(facts.hasAccess(question))
}

function evaluateAll(policies: readonly Policy[], facts: Facts): PolicyOutcome {
  let outcome: PolicyOutcome = policies.length === 0 ? 'denied' : 'allowed'
  for (const policy of policies) {
    const part = evaluate(policy, facts)
    if (part === 'denied') return 'denied'
    if (part === 'undecided') outcome = 'undecided'
  }
  return outcome
}

function evaluateAny(policies: readonly Policy[], facts: Facts): PolicyOutcome {
  let outcome: PolicyOutcome = 'denied'
  for (const policy of policies) {
    const part = evaluate(policy, facts)
    if (part === 'allowed') return 'allowed'
    if (part === 'undecided') outcome = 'undecided'
  }
  return outcome
}

/** What a row says of an attribute; `undefined` when it does not say anything. */
export function attributeValue(resource: Resource, attribute: string): unknown {
  return Reflect.get(resource, attribute)
}

function overResource(facts: Facts, decide: (resource: Resource) => PolicyOutcome): PolicyOutcome {
  return facts.resource == null ? 'undecided' : decide(facts.resource)
}

/** Exact membership in an array: an app's own slot may hold a string, whose `includes` finds substrings. */
export function ruleHolds(list: unknown, wanted: string): boolean {
  return Array.isArray(list) && list.includes(wanted)
}

function isWantedValue(wanted: string | number | boolean | null, found: unknown): boolean {
  if (wanted === null) return found === null
  const text = comparableText(wanted)
  return text !== null && text === comparableText(found)
}

function verdict(allowed: boolean): PolicyOutcome {
  return allowed ? 'allowed' : 'denied'
}
