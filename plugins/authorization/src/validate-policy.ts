import type { Policy } from '@sallyport/security-context'

/** A scope token. @see RFC 6749 §3.3 */
const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/

/** How many issuers an app takes tokens of. */
export type IssuerCount = 'one' | 'several'

/**
 * Why a policy can never decide: unknown kinds, empty lists (an empty `allOf` would allow everybody), names that cannot
 * match. Policies may come from JavaScript or JSON, so this does not rely on the type.
 * @param issuers with several, a subject or a client says nothing without its issuer
 * @returns one sentence for each mistake with the path of the policy; empty when the policy is sound
 */
export function policyMistakes(policy: unknown, path = 'access', issuers: IssuerCount = 'one'): string[] {
  if (!isPolicyObject(policy)) return [`${path} is not a policy`]
  switch (policy.kind) {
    case 'role':
      return listMistakes(policy.anyOf, `${path}.role`, isText)
    case 'scope':
      return listMistakes(policy.allOf, `${path}.scope`, value => typeof value === 'string' && SCOPE_TOKEN.test(value))
    case 'actor':
    case 'client':
      return [...textMistakes(policy, path, ['clientId']), ...identityMistakes(policy, path, issuers)]
    case 'owner':
      return [...textMistakes(policy, path, ['attribute']), ...identityMistakes(policy, path, issuers)]
    case 'attribute':
      return [
        ...textMistakes(policy, path, ['attribute']),
        ...listMistakes(policy.anyOf, `${path}.attribute`, isComparable)
      ]
    case 'acl':
      return textMistakes(policy, path, ['resourceType', 'permission', 'attribute'])
    case 'allOf':
    case 'anyOf':
      return partMistakes(policy.policies, `${path}.${policy.kind}`, issuers)
    default:
      return [`${path} has the unknown kind ${JSON.stringify(policy.kind)}`]
  }
}

/** Whether the policy, or a part of it, needs the access control list. */
export function asksAcl(policy: Policy): boolean {
  return (
    policy.kind === 'acl' || ((policy.kind === 'allOf' || policy.kind === 'anyOf') && policy.policies.some(asksAcl))
  )
}

function partMistakes(policies: unknown, path: string, issuers: IssuerCount): string[] {
  if (!Array.isArray(policies) || policies.length === 0) return [`${path} is empty`]
  return policies.flatMap((policy: unknown, index) => policyMistakes(policy, `${path}.${index}`, issuers))
}

/** Members that name an issuer have to; and of several issuers, one has to be named. @see RFC 9700 §4.15 */
function identityMistakes(policy: Readonly<Record<string, unknown>>, path: string, issuers: IssuerCount): string[] {
  const kind = String(policy.kind)
  const members = kind === 'owner' ? ['issuer', 'issuerAttribute'] : ['issuer']
  const named = members.filter(member => policy[member] !== undefined)
  if (named.length > 1) return [`${path}.${kind} names both ${members.join(' and ')}`]
  if (named.length === 0 && issuers === 'several') {
    return [`${path}.${kind} names no issuer, and this app takes tokens of several (${members.join(' or ')})`]
  }
  return textMistakes(policy, path, named)
}

function listMistakes(values: unknown, path: string, isSound: (value: unknown) => boolean): string[] {
  if (!Array.isArray(values) || values.length === 0) return [`${path} is empty`]
  return values.filter(value => !isSound(value)).map(value => `${path} cannot match ${String(JSON.stringify(value))}`)
}

function textMistakes(policy: Readonly<Record<string, unknown>>, path: string, keys: readonly string[]): string[] {
  return keys.filter(key => !isText(policy[key])).map(key => `${path}.${String(policy.kind)} has no ${key}`)
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && value.trim() === value
}

function isComparable(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value)
}

function isPolicyObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
