import fastifyJwt, { type VerifyOptions } from '@fastify/jwt'
import Fastify from 'fastify'
import type { KeyObject } from 'node:crypto'
import { signatureAlgorithm, type SignatureCheck } from './check-signature.ts'

type Algorithm = NonNullable<VerifyOptions['algorithms']>[number]

/**
 * Lets @fastify/jwt check signatures, for the option `checkSignature`, and nothing else: times and other claims are the
 * verifier's business, with its own clock, and so is its cache, which knows about retired keys and revocation. It lives
 * in an instance of its own, so an app may register the same plugin for itself, with or without a namespace.
 */
export async function checkWithFastifyJwt(): Promise<SignatureCheck> {
  const instance = Fastify()
  await instance.register(fastifyJwt, { secret: refuseWithoutKey })
  const pems = new WeakMap<KeyObject, string | Buffer>()
  return function checkSignature({ token, key: { key, algorithm } }) {
    if (!isAlgorithm(algorithm)) return false
    const pem = pems.get(key) ?? exportKey(key)
    pems.set(key, pem)
    try {
      instance.jwt.verify(token, {
        key: pem,
        algorithms: [algorithm],
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

/** Every algorithm of ours is one of @fastify/jwt's. */
function isAlgorithm(name: string): name is Algorithm {
  return signatureAlgorithm(name) !== null
}

/** Never asked: each call brings the one key that the key id named. */
function refuseWithoutKey(): never {
  throw new Error('no key was given')
}

function exportKey(key: KeyObject): string | Buffer {
  return key.type === 'secret' ? key.export() : key.export({ type: 'spki', format: 'pem' })
}
