import type { Policy } from '@sallyport/security-context'
import { evaluate, evaluateRule, ruleHolds, type Facts, type PolicyOutcome, type Rule } from './evaluate.ts'

/** Why a policy allows or refuses: stable identifiers for security events and metric labels. */
export type DecisionReason =
  | 'allowed'
  | 'unauthenticated'
  | 'role-missing'
  | 'scope-missing'
  | 'actor-mismatch'
  | 'client-mismatch'
  | 'not-owner'
  | 'attribute-mismatch'
  | 'no-acl-entry'
  | 'resource-required'
  | 'acl-required'
  | 'policy-invalid'

/** The outcome of one policy of the tree; `parts` explain `allOf` and `anyOf`. */
export interface Explanation {
  /** Path of the policy in the tree: `allOf.1.anyOf.0.owner`. */
  readonly rule: string
  readonly policy: Policy
  readonly outcome: PolicyOutcome
  readonly reason: DecisionReason
  /** What is missing: `role ADMIN`; `null` when the policy allows. */
  readonly missing: string | null
  readonly parts: readonly Explanation[]
}

/** The answer to `decide`. */
export interface Decision {
  readonly allowed: boolean
  /** `allowed`, or the reason of `nearest`. */
  readonly reason: DecisionReason
  readonly explanation: Explanation
  /** The failed rule with the fewest other missing facts; `null` when the policy allows. */
  readonly nearest: Explanation | null
}

/**
 * Decides a policy and explains the decision, for denials too. It is pure: the answers of the access control list are
 * among the facts. A missing fact never allows.
 * @param policy the policy as data
 * @param facts the principal, and the resource and ACL answers that the policy needs
 */
export function decide(policy: Policy, facts: Facts): Decision {
  const explanation = explainPolicy(policy, facts, '')
  const allowed = evaluate(policy, facts) === 'allowed'
  const nearest = allowed ? null : leafOf(explanation)
  return { allowed, reason: nearest?.reason ?? 'allowed', explanation, nearest }
}

function explainPolicy(policy: Policy, facts: Facts, path: string): Explanation {
  const rule = path === '' ? policy.kind : `${path}.${policy.kind}`
  const outcome = evaluate(policy, facts)
  const parts =
    policy.kind === 'allOf' || policy.kind === 'anyOf'
      ? policy.policies.map((part, index) => explainPolicy(part, facts, `${rule}.${index}`))
      : []
  if (parts.length === 0) return { rule, policy, outcome, ...explainLeaf(policy, facts, outcome), parts }
  const nearest = outcome === 'allowed' ? null : nearestOf(policy, parts)
  return { rule, policy, outcome, reason: nearest?.reason ?? 'allowed', missing: nearest?.missing ?? null, parts }
}

function explainLeaf(policy: Policy, facts: Facts, outcome: PolicyOutcome): Pick<Explanation, 'reason' | 'missing'> {
  if (outcome === 'allowed') return { reason: 'allowed', missing: null }
  if (facts.principal === null) return { reason: 'unauthenticated', missing: 'an authenticated principal' }
  if (policy.kind === 'allOf' || policy.kind === 'anyOf') {
    return { reason: 'policy-invalid', missing: 'a policy with parts' }
  }
  if (evaluateRule(policy, facts.principal, facts) === 'undecided') return undecided(policy, facts)
  return leafRefusal(policy, facts.principal.scopes)
}

function undecided(rule: Rule, facts: Facts): Pick<Explanation, 'reason' | 'missing'> {
  return facts.resource == null
    ? { reason: 'resource-required', missing: `a resource for ${rule.kind}` }
    : { reason: 'acl-required', missing: 'answers from the access control list' }
}

function leafRefusal(rule: Rule, scopes: unknown): Pick<Explanation, 'reason' | 'missing'> {
  switch (rule.kind) {
    case 'role':
      return { reason: 'role-missing', missing: `role ${rule.anyOf.join(' or ')}` }
    case 'scope':
      return {
        reason: 'scope-missing',
        missing: `scope ${rule.allOf.filter(token => !ruleHolds(scopes, token)).join(' ')}`
      }
    case 'actor':
      return { reason: 'actor-mismatch', missing: `actor ${rule.clientId}${ofIssuer(rule)}` }
    case 'client':
      return { reason: 'client-mismatch', missing: `a token of the client ${rule.clientId}${ofIssuer(rule)} itself` }
    case 'owner':
      return { reason: 'not-owner', missing: `subject${ofIssuer(rule)} in resource.${rule.attribute}` }
    case 'attribute':
      return { reason: 'attribute-mismatch', missing: `resource.${rule.attribute} in ${JSON.stringify(rule.anyOf)}` }
    case 'acl':
      return {
        reason: 'no-acl-entry',
        missing: `permission ${rule.permission} on ${rule.resourceType} of resource.${rule.attribute}`
      }
    default:
      return { reason: 'policy-invalid', missing: 'a policy of a known kind' }
  }
}

/** What a refusal says of the issuer that a rule names. */
function ofIssuer(rule: Extract<Rule, { kind: 'actor' | 'client' | 'owner' }>): string {
  if (rule.issuer !== undefined) return ` of ${rule.issuer}`
  return 'issuerAttribute' in rule ? ` of the issuer in resource.${rule.issuerAttribute ?? ''}` : ''
}

/**
 * Of an `allOf` the first part that denies; of an `anyOf` the one with the fewest missing rules, and among equals the
 * first one about the resource.
 */
function nearestOf(policy: Policy, parts: readonly Explanation[]): Explanation | null {
  const open = parts.filter(part => part.outcome !== 'allowed')
  if (policy.kind === 'allOf') return leafOf(open.find(part => part.outcome === 'denied') ?? open[0])
  const fewest = Math.min(...open.map(missingRules))
  const closest = open.filter(part => missingRules(part) === fewest)
  return leafOf(closest.find(part => looksAtResource(part.policy)) ?? closest[0])
}

function leafOf(explanation: Explanation | undefined): Explanation | null {
  if (explanation === undefined) return null
  return explanation.parts.length === 0 ? explanation : nearestOf(explanation.policy, explanation.parts)
}

function missingRules(explanation: Explanation): number {
  if (explanation.outcome === 'allowed') return 0
  if (explanation.parts.length === 0) return 1
  const counts = explanation.parts.map(missingRules)
  return explanation.policy.kind === 'anyOf' ? Math.min(...counts) : counts.reduce((sum, count) => sum + count, 0)
}

/** Whether a policy, or a part of it, needs the resource. */
export function looksAtResource(policy: Policy): boolean {
  switch (policy.kind) {
    case 'owner':
    case 'attribute':
    case 'acl':
      return true
    case 'allOf':
    case 'anyOf':
      return policy.policies.some(looksAtResource)
    default:
      return false
  }
}
