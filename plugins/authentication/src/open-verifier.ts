import { offerMeasurements, type KeySource } from '@sallyport/security-context'
import { defined, type Log } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import type { DescribedIssuer } from './issuer-options.ts'
import { openIssuer, type IssuerConnection, type OpenIssuer } from './open-issuer.ts'
import type { ReadAuthenticationOptions } from './options.ts'
import { sourceMeasurements } from './sources/measure-sources.ts'
import { checkWithNodeCrypto } from './tokens/check-signature.ts'
import { createSharedSecretVerifier } from './tokens/shared-secret.ts'
import { createIssuersVerifier, type TokenVerifier } from './tokens/verify-token.ts'

/** The plugin's verifier and the realm of its challenge. */
export interface OpenVerifier {
  readonly verifier: TokenVerifier
  /** Where its keys come from; `null` for a verifier that keeps that to itself, and for one of several issuers. */
  readonly keys: KeySource | null
  readonly realm: string
  /** What was opened, by issuer; empty for a verifier that was made otherwise. */
  readonly issuers: ReadonlyMap<string, OpenIssuer>
}

/**
 * Makes the verifier that the options describe, with the sources it needs; what is made here is closed with the app.
 * @returns `null` when the options name none
 */
export function openVerifier(fastify: FastifyInstance, options: ReadAuthenticationOptions): OpenVerifier | null {
  const { sharedSecret, verifier, realm, checkSignature = checkWithNodeCrypto } = options
  const issuers = new Map<string, OpenIssuer>()
  if (sharedSecret !== undefined) {
    const made = createSharedSecretVerifier({ checkSignature, ...sharedSecret })
    return { verifier: made, keys: null, realm: realm ?? sharedSecret.audience, issuers }
  }
  if (verifier !== undefined) return { verifier, keys: null, realm: realm ?? 'api', issuers }
  const described = describedIssuers(options)
  const [first] = described
  if (first === undefined) return null
  const connection = connectionTo(fastify, options)
  const needing = issuerToAskOpaque(options, described)
  const trusted = described.map(({ metadataUri: _where, statusLists: _lists, jwksUri: _keys, ...issuer }, at) => {
    const given = described[at] ?? first
    const opened = openIssuer(given, { fastify, connection, needsEndpoints: issuer.issuer === needing })
    issuers.set(issuer.issuer, opened)
    return { ...issuer, keys: opened.keys, ...defined({ status: opened.status }) }
  })
  offerMeasurements(fastify, sourceMeasurements(issuers))
  const { clock, cacheSize } = options
  return {
    verifier: createIssuersVerifier({ issuers: trusted, clock, cacheSize, checkSignature }),
    keys: described.length === 1 ? (issuers.get(first.issuer)?.keys ?? null) : null,
    realm: realm ?? options.audience ?? first.audience,
    issuers
  }
}

/** The issuers that the options describe: one at the top level, or a list. */
export function describedIssuers(options: ReadAuthenticationOptions): readonly DescribedIssuer[] {
  const { issuers, issuer, audience } = options
  if (issuers !== undefined) return issuers.map(each => ({ ...each, audience: each.audience ?? audience ?? '' }))
  if (issuer === undefined || audience === undefined) return []
  const { keys, jwksUri, metadataUri, status, statusLists } = options
  const { profile, algorithms, clockToleranceSeconds, statusUnavailable } = options
  return [
    {
      issuer,
      audience,
      profile,
      algorithms,
      clockToleranceSeconds,
      statusUnavailable,
      ...defined({ keys, jwksUri, metadataUri, status, statusLists })
    }
  ]
}

/** Whose introspection endpoint has to be found. */
function issuerToAskOpaque(
  { introspection }: ReadAuthenticationOptions,
  described: readonly DescribedIssuer[]
): string | null {
  if (introspection === undefined || introspection.endpoint !== undefined) return null
  return introspection.issuer ?? described[0]?.issuer ?? null
}

/** How the sources reach the issuers, and where they say how it goes. */
function connectionTo(fastify: FastifyInstance, { dispatcher, clock }: ReadAuthenticationOptions): IssuerConnection {
  const log: Log = (message, detail) => fastify.log.warn(detail, message)
  return { log, clock, ...defined({ dispatcher }) }
}
