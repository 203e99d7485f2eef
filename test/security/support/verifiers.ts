import Fastify from 'fastify'
import type { Test } from 'tap'
import authentication, { createTokenVerifier, type TokenVerifier } from '@sallyport/authentication'
import { AUDIENCE, clock, fixedKeys, ISSUER, type IssuerKey } from '../../support/issuer.ts'

/** The verifier on its own and as the plugin makes it (signatures through @fastify/jwt), with the same keys. */
export async function bothVerifiers(
  t: Test,
  ...keys: IssuerKey[]
): Promise<Array<[name: string, verifier: TokenVerifier]>> {
  const options = { issuer: ISSUER, audience: AUDIENCE, keys: fixedKeys(...keys), clock }
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('principal', null)
  await app.register(authentication, options)
  return [
    ['createTokenVerifier', createTokenVerifier(options)],
    ['the plugin', app.tokenVerifier]
  ]
}

/** Each of these tokens is refused by each verifier with a 401; a good token is accepted before and after. */
export async function refusesAll(
  t: Test,
  verifiers: Array<[string, TokenVerifier]>,
  good: string,
  attacks: Record<string, string>,
  reason: RegExp = /./
): Promise<void> {
  for (const [name, verifier] of verifiers) {
    t.ok(await verifier.verify(good), `${name}: the real token is accepted`)
    for (const [title, token] of Object.entries(attacks)) {
      await t.rejects(
        verifier.verify(token),
        { code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID', statusCode: 401, reason },
        `${name}: ${title}`
      )
    }
    t.ok(await verifier.verify(good), `${name}: and still is`)
  }
}
