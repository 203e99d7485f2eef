import { messageWithCause, ownMember, type JsonObject } from '@sallyport/security-context/mechanics'
import { InvalidTokenError, isSallyportError } from '../errors.ts'
import { acceptToken, type AcceptedToken } from '../tokens/accept-token.ts'
import { parseCompactJws } from '../tokens/compact-jws.ts'
import { TOKEN_CHECKS, type TokenCheck } from '../tokens/token-checks.ts'
import { readIssuersVerifierOptions, type IssuersVerifierOptions } from '../tokens/verifier-options.ts'
import { tokenTrust } from '../tokens/verify-token.ts'

/** How a check ended. `cannot-tell`: what it needs cannot be had. */
export type CheckOutcome = 'pass' | 'fail' | 'cannot-tell' | 'not-reached'

/** What one check says of a token. */
export interface ExplainedCheck {
  readonly check: TokenCheck
  /** What has to be so. */
  readonly wants: string
  readonly outcome: CheckOutcome
  /** What the token has where the check looks, cut to a line; `null` when there is nothing to show. */
  readonly found: string | null
  /** The reason of the refusal, as the security event has it; or what went wrong. */
  readonly reason: string | null
}

/** What a verifier says of a token. Neither the token nor its signature is in it. */
export interface TokenExplanation {
  readonly outcome: 'accepted' | 'refused' | 'cannot-tell'
  readonly checks: readonly ExplainedCheck[]
}

const LONGEST_FOUND = 200

/** The members that a check looks at. */
const LOOKED_AT: Partial<Record<TokenCheck, { readonly of: 'header' | 'payload'; readonly names: readonly string[] }>> =
  {
    'issuer-known': { of: 'payload', names: ['iss'] },
    type: { of: 'header', names: ['typ'] },
    algorithm: { of: 'header', names: ['alg'] },
    extensions: { of: 'header', names: ['crit', 'b64'] },
    key: { of: 'header', names: ['kid'] },
    issuer: { of: 'payload', names: ['iss'] },
    audience: { of: 'payload', names: ['aud', 'client_id'] },
    times: { of: 'payload', names: ['iat', 'nbf', 'exp'] }
  }

/**
 * Runs the checks of a verifier over a token, the very ones that decide a request, and says what each of them found.
 * @param token as received
 * @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`
 */
export async function explainToken(token: string, options: IssuersVerifierOptions): Promise<TokenExplanation> {
  const read = readIssuersVerifierOptions(options)
  const passed = new Set<TokenCheck>()
  let refusal: unknown = null
  try {
    const accepted = await acceptToken(token, tokenTrust(read), read.clock() / 1000, check => passed.add(check))
    const binding = bindingOf(accepted)
    if (binding === null) passed.add('binding')
    else refusal = new Error(binding)
  } catch (error) {
    if (!isSallyportError(error)) throw error
    refusal = error
  }
  const jws = parseCompactJws(token)
  const outcome = refusal === null ? 'accepted' : refusal instanceof InvalidTokenError ? 'refused' : 'cannot-tell'
  let isReached = true
  const checks = checkNames(read.issuers.length).map(check => {
    const isPassed = passed.has(check)
    const isEnd = !isPassed && isReached
    if (isEnd) isReached = false
    return {
      check,
      wants: TOKEN_CHECKS[check],
      outcome: isPassed ? ('pass' as const) : isEnd ? outcomeOfEnd(outcome) : ('not-reached' as const),
      found: jws === null ? null : foundBy(check, jws),
      reason: isEnd ? refusalText(refusal) : null
    }
  })
  return { outcome, checks }
}

/** In their order; a single issuer is not selected by what the token says. */
function checkNames(issuers: number): TokenCheck[] {
  return Object.keys(TOKEN_CHECKS)
    .filter((name): name is TokenCheck => Object.hasOwn(TOKEN_CHECKS, name))
    .filter(name => issuers > 1 || name !== 'issuer-known')
}

function outcomeOfEnd(outcome: TokenExplanation['outcome']): CheckOutcome {
  return outcome === 'refused' ? 'fail' : 'cannot-tell'
}

/** What only a request can show. */
function bindingOf({ principal }: AcceptedToken): string | null {
  const { cnf } = principal.claims
  if (cnf === undefined) return null
  const members = typeof cnf === 'object' && cnf !== null ? Object.keys(cnf).join(', ') : typeof cnf
  return `bound by ${members}: only a request can show the key`
}

function refusalText(refusal: unknown): string {
  return refusal instanceof InvalidTokenError ? refusal.reason : messageWithCause(refusal)
}

/** As JSON on one line, without what a terminal would obey. */
function foundBy(check: TokenCheck, parts: { readonly header: JsonObject; readonly payload: JsonObject }) {
  const looked = LOOKED_AT[check]
  if (looked === undefined) return null
  const there = looked.names.filter(name => Object.hasOwn(parts[looked.of], name))
  if (there.length === 0) return `no ${looked.names.join(', ')}`
  const text = there.map(name => `${name} ${JSON.stringify(ownMember(parts[looked.of], name))}`).join(', ')
  const line = text.replace(/[^\x20-\x7e]/g, '?')
  return line.length > LONGEST_FOUND ? `${line.slice(0, LONGEST_FOUND)}…` : line
}
