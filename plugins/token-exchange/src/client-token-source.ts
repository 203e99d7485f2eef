import type { Clock } from '@sallyport/security-context/mechanics'
import { defined } from '@sallyport/security-context/mechanics'
import type { Dispatcher } from 'undici'
import { createExchangeCache, keyOfQuestion } from './exchange-cache.ts'
import { discoverMetadata } from './metadata.ts'
import { createTokenClient } from './token-client.ts'

/** A client of an authorization server that asks for tokens of its own. */
export interface ClientTokenSourceOptions {
  readonly issuer: string
  readonly clientId: string
  /** A function where it changes while the process runs. */
  readonly clientSecret: string | (() => string)
  readonly audience: string
  readonly scope?: string
  /** Your CA, your client certificate. Left out: undici's global one. */
  readonly dispatcher?: Dispatcher
  readonly clock?: Clock
}

/** Tokens of a client for one audience. */
export interface ClientTokenSource {
  /**
   * The token of before, or a new one when that ends soon. Rejects as a token client does, and with
   * `SALLYPORT_TOKEN_METADATA_INVALID`.
   */
  readonly get: () => Promise<string>
  /** Forgets a token that its audience refuses. */
  readonly drop: () => void
}

/**
 * Tokens that a client gets for itself, for calls outside of an app and before there is one: the metadata of the issuer
 * is found at the first use, and again after a failure.
 * @throws {TokenOptionsError} `SALLYPORT_TOKEN_OPTIONS_INVALID`
 * @see RFC 6749 §4.4
 */
export function createClientTokenSource(options: ClientTokenSourceOptions): ClientTokenSource {
  const { issuer, clientId, clientSecret, audience, scope, clock = Date.now } = options
  const shared = defined({ dispatcher: options.dispatcher })
  const metadata = async () => await discoverMetadata({ issuer, ...shared })
  const tokenClient = createTokenClient({ metadata, clientId, clientSecret, clock, ...shared })
  const cache = createExchangeCache({ tokenClient, maxEntries: 1, clock })
  const question = { subjectToken: null, audience, scope }
  const key = keyOfQuestion(question)
  return {
    get: async () => (await cache.get(question, key)).token,
    drop: () => {
      cache.drop(key)
    }
  }
}
