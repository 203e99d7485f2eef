import fastifyJwt from '@fastify/jwt'
import type { FastifyInstance } from 'fastify'
import type { KeyObject } from 'node:crypto'
import type { SignatureCheck } from './check-signature.ts'

/** The decorators that @fastify/jwt makes get these names, in a scope of their own. */
const NAMESPACE = 'sallyport'

/**
 * Lets @fastify/jwt check signatures. It is registered in an encapsulated scope with a namespace, so it never meets
 * the app's own registration of the same plugin; its caches are off, because the verifier's cache knows about
 * retired keys and revocation, and theirs do not.
 */
export async function checkWithFastifyJwt(fastify: FastifyInstance): Promise<SignatureCheck> {
  let check: SignatureCheck = () => false
  await fastify.register(async function signatureScope(scope) {
    // Own property: without it, the app's `fastify.jwt` would be inherited and get our namespace.
    scope.decorate('jwt', Object.create(null))
    await scope.register(fastifyJwt, {
      namespace: NAMESPACE,
      decoratorName: `${NAMESPACE}JwtPayload`,
      // Never asked: each call brings the one key that the key id named.
      secret: () => {
        throw new Error('no key was given')
      },
      verify: { cache: false, algorithms: [] }
    })
    const jwt: unknown = Object.getOwnPropertyDescriptor(scope.jwt, NAMESPACE)?.value
    if (hasVerify(jwt)) check = checkerOf(jwt.verify)
  })
  return check
}

type Verify = (token: string, options: object) => unknown

function hasVerify(jwt: unknown): jwt is { verify: Verify } {
  return typeof jwt === 'object' && jwt !== null && 'verify' in jwt && typeof jwt.verify === 'function'
}

function checkerOf(verify: Verify): SignatureCheck {
  const exported = new WeakMap<KeyObject, string | Buffer>()
  return function checkSignature({ token, key }) {
    let material = exported.get(key.key)
    if (material === undefined) {
      material = key.key.type === 'secret' ? key.key.export() : key.key.export({ type: 'spki', format: 'pem' })
      exported.set(key.key, material)
    }
    try {
      // Times and other claims are the verifier's business, with its own clock.
      verify(token, {
        key: material,
        algorithms: [key.algorithm],
        cache: false,
        ignoreExpiration: true,
        ignoreNotBefore: true
      })
      return true
    } catch {
      return false
    }
  }
}
