import { offerMeasurements, type KeySource, type StatusSource } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import { checkWithNodeCrypto } from './tokens/check-signature.ts'
import { createJwksKeySource } from './sources/jwks-key-source.ts'
import type { Log } from '@sallyport/security-context/mechanics'
import type { ReadAuthenticationOptions } from './options.ts'
import type { SignatureCheck } from './tokens/check-signature.ts'
import { createSharedSecretVerifier } from './tokens/shared-secret.ts'
import { sourceMeasurements } from './sources/measure-sources.ts'
import { createStatusListSource } from './sources/status-list-source.ts'
import { createTokenVerifier, type TokenVerifier } from './tokens/verify-token.ts'

/** The plugin's verifier and the realm of its challenge. */
export interface OpenVerifier {
  readonly verifier: TokenVerifier
  /** Where its keys come from; `null` for a verifier that keeps that to itself. */
  readonly keys: KeySource | null
  readonly realm: string
}

/**
 * Makes the verifier that the options describe, with the sources it needs; what is made here is closed with the app.
 * The first keys are fetched before the app is ready, but an issuer that is away does not keep the app from starting:
 * requests are answered with 503 until the keys are there.
 * @returns `null` when the options name none
 */
export async function openVerifier(
  fastify: FastifyInstance,
  options: ReadAuthenticationOptions
): Promise<OpenVerifier | null> {
  const { sharedSecret, verifier, issuer, audience, realm } = options
  if (sharedSecret !== undefined) {
    const checkSignature = sharedSecret.checkSignature ?? (await signatureCheck(options))
    return {
      verifier: createSharedSecretVerifier({ ...sharedSecret, checkSignature }),
      keys: null,
      realm: realm ?? sharedSecret.audience
    }
  }
  if (verifier !== undefined) return { verifier, keys: null, realm: realm ?? 'api' }
  if (issuer === undefined || audience === undefined) return null
  const { profile, algorithms, clockToleranceSeconds, clock, statusUnavailable, cacheSize } = options
  const keys = options.keys ?? openKeys(fastify, options)
  const status = options.status ?? openStatus(fastify, options, issuer, keys)
  offerMeasurements(fastify, sourceMeasurements(keys, status))
  return {
    keys,
    verifier: createTokenVerifier({
      issuer,
      audience,
      keys,
      profile,
      algorithms,
      clockToleranceSeconds,
      clock,
      statusUnavailable,
      cacheSize,
      checkSignature: await signatureCheck(options),
      ...defined({ status })
    }),
    realm: realm ?? audience
  }
}

async function signatureCheck({ checkSignature }: ReadAuthenticationOptions): Promise<SignatureCheck> {
  return checkSignature ?? checkWithNodeCrypto
}

/** How the sources reach the issuer, and where they say how it goes. */
function connectionTo(fastify: FastifyInstance, { dispatcher, clock }: ReadAuthenticationOptions) {
  const log: Log = (message, detail) => fastify.log.warn(detail, message)
  return { log, clock, ...defined({ dispatcher }) }
}

function openKeys(fastify: FastifyInstance, options: ReadAuthenticationOptions): KeySource {
  const keys = createJwksKeySource({ jwksUri: options.jwksUri ?? '', ...connectionTo(fastify, options) })
  fastify.addHook('onReady', async function prefetchKeys() {
    await keys.ready().catch((error: unknown) => fastify.log.warn({ err: error }, 'no verification keys yet'))
  })
  fastify.addHook('onClose', async function closeKeys() {
    await keys.close()
  })
  return keys
}

function openStatus(
  fastify: FastifyInstance,
  options: ReadAuthenticationOptions,
  issuer: string,
  keys: KeySource
): StatusSource | undefined {
  if (options.statusLists === undefined) return undefined
  const status = createStatusListSource({ ...options.statusLists, issuer, keys, ...connectionTo(fastify, options) })
  fastify.addHook('onClose', async function closeStatusLists() {
    await status.close()
  })
  return status
}
