import { ownMember, parseJsonObject } from '@sallyport/security-context/mechanics'
import type { EndpointAnswer } from './endpoint-answer.ts'

/** The nonces that endpoints want to see in proofs. */
export interface EndpointNonces {
  /** The one that the endpoint gave last. */
  readonly latest: (endpoint: string) => string | undefined
  /** Keeps the nonce of an answer, and gives it. */
  readonly note: (endpoint: string, answer: Pick<EndpointAnswer, 'dpopNonce'>) => string | undefined
}

/** @see RFC 9449 §8.1 */
const NONCE_FORM = /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/

/** Remembers one nonce for each endpoint: the next proof for it carries that. @see RFC 9449 §8.2 */
export function createEndpointNonces(): EndpointNonces {
  const kept = new Map<string, string>()
  return {
    latest: endpoint => kept.get(endpoint),
    note: (endpoint, { dpopNonce: nonce }) => {
      if (typeof nonce !== 'string' || !NONCE_FORM.test(nonce)) return undefined
      kept.set(endpoint, nonce)
      return nonce
    }
  }
}

/** Whether an endpoint wants the same request with its nonce in the proof. @see RFC 9449 §8 */
export function asksForNonce({ statusCode, body }: EndpointAnswer): boolean {
  return statusCode === 400 && ownMember(parseJsonObject(body) ?? {}, 'error') === 'use_dpop_nonce'
}
