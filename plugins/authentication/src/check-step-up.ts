import { recordSecurityEvent, type FindDeclarationMistakes, type StepUp } from '@sallyport/security-context'
import type { Clock } from '@sallyport/security-context/mechanics'
import type { FastifyRequest } from 'fastify'
import { InsufficientAuthenticationError } from './errors.ts'

/** What can be quoted in a challenge. @see RFC 9470 §3, RFC 6749 §3.3 */
const ACR_FORM = /^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/

/** Every mistake in what a route asks for. */
export const stepUpMistakes: FindDeclarationMistakes = ({ access, stepUp }) => {
  if (stepUp === undefined) return []
  const { maxAgeSeconds, acr } = stepUp
  const isAge = maxAgeSeconds === undefined || (Number.isSafeInteger(maxAgeSeconds) && maxAgeSeconds >= 0)
  const isList = acr === undefined || (Array.isArray(acr) && acr.length > 0 && acr.every(each => ACR_FORM.test(each)))
  return [
    ...(access === 'public' ? ['stepUp: nobody is asked on a public route'] : []),
    ...(maxAgeSeconds === undefined && acr === undefined ? ['stepUp: neither maxAgeSeconds nor acr'] : []),
    ...(isAge ? [] : ['stepUp.maxAgeSeconds: not a whole number of seconds']),
    ...(isList ? [] : ['stepUp.acr: not a list of values without spaces and quotes'])
  ]
}

/** What is known of how a caller proved who it is. */
interface KnownAuthentication {
  readonly atSeconds: number | null
  readonly acr: string | null
}

/** The time to hold an age against, and how far clocks may differ. */
export interface StepUpClock {
  readonly clock: Clock
  readonly toleranceSeconds: number
}

/**
 * Finds out whether a caller has proven who it is as the route asks. What the issuer says of it now, in the token,
 * comes before what it said when the session began.
 * @returns `null` when it has, else the refusal, which is recorded
 * @see RFC 9470 §3, RFC 9068 §2.2.1
 */
export function insufficientAuthentication(
  request: FastifyRequest,
  stepUp: StepUp,
  { clock, toleranceSeconds }: StepUpClock
): InsufficientAuthenticationError | null {
  const { atSeconds, acr } = knownAuthentication(request)
  const ageSeconds = atSeconds === null ? Number.POSITIVE_INFINITY : clock() / 1000 - atSeconds
  const isRecent =
    stepUp.maxAgeSeconds === undefined ||
    (ageSeconds <= stepUp.maxAgeSeconds + toleranceSeconds && ageSeconds >= -toleranceSeconds)
  const isStrong = stepUp.acr === undefined || (acr !== null && stepUp.acr.includes(acr))
  if (isRecent && isStrong) return null
  recordSecurityEvent(request, {
    stage: 'authentication',
    outcome: 'denied',
    reason: isRecent ? 'authentication-too-weak' : 'authentication-too-old'
  })
  return new InsufficientAuthenticationError(stepUp)
}

function knownAuthentication({ principal, loginFacts }: FastifyRequest): KnownAuthentication {
  const { auth_time: time, acr } = principal?.claims ?? {}
  return {
    atSeconds: typeof time === 'number' ? time : (loginFacts?.authenticatedAtSeconds ?? null),
    acr: typeof acr === 'string' ? acr : (loginFacts?.acr ?? null)
  }
}
