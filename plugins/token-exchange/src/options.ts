import type { TokenClient } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { endpointMistake } from './endpoint-url.ts'
import { InvalidOptionsError } from './errors.ts'

/** A service that can be called. */
export interface Upstream {
  /** Scheme, host and port: `https://order-service.example:8082`. */
  readonly origin: string
  /** Scope to ask for, space-delimited. Default: whatever the authorization server grants for the audience. */
  readonly scope?: string
}

/** Options of the plugin. */
export interface TokenExchangeOptions {
  readonly tokenClient: TokenClient
  /** The services that `callAs` reaches, by audience. */
  readonly upstreams?: Readonly<Record<string, Upstream>>
  /** For calls of upstreams; the token client has its own. Default: undici's global one. */
  readonly dispatcher?: Dispatcher
  /** Headers for every call under a request, for example `traceparent`. */
  readonly outgoingHeaders?: (request: FastifyRequest) => Readonly<Record<string, string>>
  /** How many exchanged tokens are kept. Default 10 000. */
  readonly maxCachedTokens?: number
  /** Limit for one upstream call, in ms. Default 5000. */
  readonly upstreamTimeoutMs?: number
  /** Epoch in ms. */
  readonly clock?: () => number
}

/** The options with nothing left to default. */
export interface ResolvedOptions extends Required<Omit<TokenExchangeOptions, 'dispatcher'>> {
  readonly dispatcher: Dispatcher | undefined
}

/** Checks and completes the options. Throws `SALLYPORT_TOKEN_OPTIONS_INVALID` with all mistakes. */
export function resolveOptions(options: TokenExchangeOptions): ResolvedOptions {
  const { upstreams = {}, maxCachedTokens = 10_000, upstreamTimeoutMs = 5000 } = options
  const mistakes: string[] = []
  for (const [audience, { origin }] of Object.entries(upstreams)) {
    const mistake = endpointMistake(origin) ?? (URL.parse(origin)?.origin === origin ? null : 'is not an origin')
    if (mistake !== null) mistakes.push(`upstreams.${audience}.origin ${mistake}`)
  }
  if (!Number.isInteger(maxCachedTokens) || maxCachedTokens < 1) {
    mistakes.push('maxCachedTokens is not a positive integer')
  }
  if (!(upstreamTimeoutMs > 0)) mistakes.push('upstreamTimeoutMs is not positive')
  if (options.tokenClient === undefined) mistakes.push('tokenClient is missing')
  if (mistakes.length > 0) throw new InvalidOptionsError(mistakes.join('; '))
  return Object.freeze({
    tokenClient: options.tokenClient,
    upstreams,
    maxCachedTokens,
    upstreamTimeoutMs,
    dispatcher: options.dispatcher,
    outgoingHeaders: options.outgoingHeaders ?? (() => ({})),
    clock: options.clock ?? Date.now
  })
}
