import type { KnownCaller } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import { keyOfQuestion, type TokenQuestion } from './exchange-cache.ts'

/** The key of one question about a caller's token. */
interface ExchangeKey {
  readonly audience: string
  readonly scope: string | undefined
  readonly key: string
}

const KEYS = Symbol('sallyport.token-exchange.keys')

declare module '@sallyport/security-context' {
  interface KnownCaller {
    /** Of token exchange: where the tokens exchanged for this caller's are cached, the latest question last. */
    [KEYS]?: ExchangeKey[]
  }
}

/** An app asks for few audiences and scopes; one that makes up scopes must not let the list grow. */
const MAX_KEYS_OF_CALLER = 16

/** The key of a question that was asked for this caller before, without hashing anything; `null` for others. */
export function recallExchangeKey(request: FastifyRequest, audience: string, scope: string | undefined): string | null {
  const keys = knownSubject(request, request.accessToken)?.[KEYS]
  if (keys === undefined) return null
  for (const known of keys) {
    if (known.audience === audience && known.scope === scope) return known.key
  }
  return null
}

/** The key of a question, noted for the caller whose token it is about. */
export function exchangeKey(request: FastifyRequest, { subjectToken, audience, scope }: TokenQuestion): string {
  const caller = knownSubject(request, subjectToken)
  if (caller === null) return keyOfQuestion({ subjectToken, audience, scope })
  const known = recallExchangeKey(request, audience, scope)
  if (known !== null) return known
  const key = keyOfQuestion({ subjectToken, audience, scope })
  const keys = (caller[KEYS] ??= [])
  if (keys.length >= MAX_KEYS_OF_CALLER) keys.shift()
  keys.push({ audience, scope, key })
  return key
}

/** What is remembered of the request's caller, when it is about this very token: the slots are the app's to set too. */
function knownSubject(request: FastifyRequest, subjectToken: string | null): KnownCaller | null {
  const { knownCaller }: Partial<Pick<FastifyRequest, 'knownCaller'>> = request
  return knownCaller != null && knownCaller.accessToken === subjectToken ? knownCaller : null
}
