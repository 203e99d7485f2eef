import { withDeadline, withRetryAfter } from '@sallyport/security-context/mechanics'
import type { Policy, Principal, Resource } from '@sallyport/security-context'
import { loadAccess } from './acl.ts'
import { AclUnavailableError, InvalidPolicyError } from './errors.ts'
import { accessQuestion, evaluate, type AccessQuestion, type Facts } from './evaluate.ts'
import type { DecidingOptions } from './options.ts'

/**
 * The facts for one decision over a resource. The access control list is queried once, and only when the other facts do
 * not decide.
 * @throws {AclUnavailableError} `SALLYPORT_AUTHORIZATION_ACL_UNAVAILABLE` when it does not answer in time
 */
export async function loadFacts(
  policy: Policy,
  principal: Principal,
  resource: Resource | null,
  { acl, issuers }: DecidingOptions
): Promise<Facts> {
  const facts: Facts = { principal, resource }
  if (resource === null || evaluate(policy, facts) !== 'undecided') return facts
  if (acl === undefined) throw new InvalidPolicyError('an acl rule needs the option acl.db')
  const answers = loadAccess(acl.db, principal, questionsOf(policy, resource), issuers())
  return { principal, resource, hasAccess: await answeredInTime(acl.timeoutMs, answers) }
}

function questionsOf(policy: Policy, resource: Resource): AccessQuestion[] {
  if (policy.kind === 'allOf' || policy.kind === 'anyOf') {
    return policy.policies.flatMap(part => questionsOf(part, resource))
  }
  const question = policy.kind === 'acl' ? accessQuestion(policy, resource) : null
  return question === null ? [] : [question]
}

/** An outage is often silence and not an error: by default a pool waits a minute for a connection. */
async function answeredInTime<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
  try {
    return await withDeadline(answer, timeoutMs)
  } catch (cause) {
    throw withRetryAfter(new AclUnavailableError({ cause }), 1)
  }
}
