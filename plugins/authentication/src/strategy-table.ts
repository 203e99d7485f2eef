import type { FastifyInstance } from 'fastify'
import type { ReadBasicOptions } from './basic/options.ts'
import { createBasicStrategy } from './basic/basic-strategy.ts'
import type { DpopNonces } from './dpop/nonces.ts'
import type { OpenVerifier } from './open-verifier.ts'
import type { ReadSessionOptions } from './session/options.ts'
import type { SessionTools } from './session/refresh-session.ts'
import { createSessionCore } from './session/session-core.ts'
import { createSessionStrategy } from './session/session-strategy.ts'
import { createStoredSessionStrategy } from './stored-sessions/stored-session-strategy.ts'
import type { Strategy } from './strategy.ts'
import type { ConfirmRequest } from './tokens/confirm-request.ts'
import { createTokenStrategy, looksLikeJwt, type TokenStrategyOptions } from './tokens/token-strategy.ts'

/** What the strategies are made of; what is `null` was not asked for. */
export interface StrategyParts {
  readonly fastify: FastifyInstance
  /** Verifies JWTs here. */
  readonly local: OpenVerifier | null
  /** Has opaque tokens verified by their issuer. */
  readonly introspection: OpenVerifier | null
  /** Whether tokens of `local` are taken as `Bearer`. */
  readonly bearer: boolean
  /** How proofs of possession are announced. */
  readonly dpop: { readonly algorithms: readonly string[]; readonly nonces?: DpopNonces | undefined } | null
  readonly confirm: ConfirmRequest
  readonly basic: ReadBasicOptions | null
  readonly session: ReadSessionOptions | null
  readonly tools: SessionTools
}

interface StrategyEntry {
  /** The credential, as the README says it. */
  readonly takes: string
  /** Makes the strategy; `null` when the options do not ask for it. */
  readonly open: (parts: StrategyParts) => Promise<Omit<Strategy, 'name'> | null>
}

/**
 * The plugin's strategies in the order in which they are asked, by the name that stands in the security event. The
 * README's table is this one; an app's own strategies are asked after them.
 */
export const STRATEGIES = Object.freeze({
  dpop: {
    takes: '`Authorization: DPoP` with a JWT, and its proof',
    open: async parts => (parts.dpop === null ? null : tokenStrategy(parts, 'dpop', 'local'))
  },
  bearer: {
    takes: '`Authorization: Bearer` with a JWT',
    open: async parts => (parts.bearer ? tokenStrategy(parts, 'bearer', 'local') : null)
  },
  'dpop-introspection': {
    takes: '`Authorization: DPoP` with an opaque token, and its proof',
    open: async parts => (parts.dpop === null ? null : tokenStrategy(parts, 'dpop', 'introspection'))
  },
  introspection: {
    takes: '`Authorization: Bearer` with an opaque token',
    open: async parts => tokenStrategy(parts, 'bearer', 'introspection')
  },
  basic: {
    takes: '`Authorization: Basic`',
    open: async ({ fastify, basic, tools }) =>
      basic === null ? null : await createBasicStrategy(fastify, basic, tools.verifier)
  },
  session: {
    takes: 'the session cookies',
    open: async ({ fastify, session, tools }) => {
      if (session === null) return null
      const core = await createSessionCore(fastify, session, tools)
      return core.stored === null ? createSessionStrategy(core) : createStoredSessionStrategy(core, core.stored)
    }
  }
} as const satisfies Record<string, StrategyEntry>)

/** The strategies that the parts give, in the order of the table. */
export async function openStrategies(parts: StrategyParts): Promise<Strategy[]> {
  const opened: Strategy[] = []
  for (const [name, entry] of Object.entries<StrategyEntry>(STRATEGIES)) {
    const strategy = await entry.open(parts)
    if (strategy !== null) opened.push({ ...strategy, name })
  }
  return opened
}

/** Every mistake in the names of all strategies: an event says by its name which one accepted a caller. */
export function strategyNameMistakes(strategies: readonly Strategy[]): string[] {
  const names = strategies.map(({ name }) => name)
  return [
    ...names
      .filter(name => !/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(name))
      .map(name => `strategies: ${JSON.stringify(name)} is not a name in kebab-case`),
    ...new Set(names.filter((name, at) => names.indexOf(name) < at).map(name => `strategies: two are called ${name}`))
  ]
}

/** Where both verifiers are, JWTs go to the local one and all else to the issuer. */
function tokenStrategy(
  { local, introspection, dpop, confirm }: StrategyParts,
  scheme: TokenStrategyOptions['scheme'],
  by: 'local' | 'introspection'
): Omit<Strategy, 'name'> | null {
  const opened = by === 'local' ? local : introspection
  if (opened === null) return null
  const isAlone = local === null || introspection === null
  return createTokenStrategy({
    ...opened,
    scheme,
    confirm,
    algorithms: dpop?.algorithms ?? [],
    ...(dpop?.nonces === undefined ? {} : { nonces: dpop.nonces }),
    isResponsible: token => isAlone || looksLikeJwt(token) === (by === 'local')
  })
}
