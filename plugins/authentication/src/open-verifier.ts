import type { KeySource, StatusSource } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import { checkWithFastifyJwt } from './tokens/check-with-fastify-jwt.ts'
import { createJwksKeySource } from './sources/jwks-key-source.ts'
import type { Log } from '@sallyport/security-context/mechanics'
import type { AuthenticationOptions, VerifierOrigin } from './options.ts'
import { createSharedSecretVerifier } from './tokens/shared-secret.ts'
import { createStatusListSource } from './sources/status-list-source.ts'
import { createTokenVerifier, type TokenVerifier } from './tokens/verify-token.ts'

/** The plugin's verifier and the realm of its challenge. */
export interface OpenVerifier {
  readonly verifier: TokenVerifier
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
  options: AuthenticationOptions,
  origin: VerifierOrigin
): Promise<OpenVerifier | null> {
  if (origin.kind === 'none') return null
  if (origin.kind === 'given') return { verifier: origin.verifier, realm: options.audience ?? 'api' }
  const checkSignature = options.checkSignature ?? (await checkWithFastifyJwt())
  if (origin.kind === 'shared-secret') {
    return {
      verifier: createSharedSecretVerifier({ checkSignature, ...origin.options }),
      realm: origin.options.audience
    }
  }

  const log: Log = (message, detail) => fastify.log.warn(detail, message)
  const shared = { log, ...pick(options, ['dispatcher', 'clock']) }
  const keys = options.keys ?? openKeys(fastify, { jwksUri: options.jwksUri ?? '', ...shared })
  const status =
    options.status ??
    (options.statusLists === undefined
      ? null
      : openStatus(fastify, { ...options.statusLists, issuer: origin.issuer, keys, ...shared }))
  const verifier = createTokenVerifier({
    ...pick(options, ['profile', 'algorithms', 'clockToleranceSeconds', 'clock', 'statusUnavailable', 'cacheSize']),
    issuer: origin.issuer,
    audience: origin.audience,
    keys,
    checkSignature,
    ...(status === null ? {} : { status })
  })
  return { verifier, realm: origin.audience }
}

function openKeys(fastify: FastifyInstance, options: Parameters<typeof createJwksKeySource>[0]): KeySource {
  const keys = createJwksKeySource(options)
  fastify.addHook('onReady', async function prefetchKeys() {
    await keys.ready().catch((error: unknown) => fastify.log.warn({ err: error }, 'no verification keys yet'))
  })
  fastify.addHook('onClose', async function closeKeys() {
    await keys.close()
  })
  return keys
}

function openStatus(fastify: FastifyInstance, options: Parameters<typeof createStatusListSource>[0]): StatusSource {
  const status = createStatusListSource(options)
  fastify.addHook('onClose', async function closeStatusLists() {
    await status.close()
  })
  return status
}

/** The given members that are set; leaves out what is undefined, which `exactOptionalPropertyTypes` tells apart. */
function pick<T extends object, K extends keyof T>(
  from: T,
  names: readonly K[]
): { [N in K]?: Exclude<T[N], undefined> } {
  return Object.fromEntries(names.flatMap(name => (from[name] === undefined ? [] : [[name, from[name]]]))) as {
    [N in K]?: Exclude<T[N], undefined>
  }
}
