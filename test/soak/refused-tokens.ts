import { createTokenVerifier } from '@sallyport/authentication'
import { AUDIENCE, clock, encode, fixedKeys, goodClaims, ISSUER, issuerKey, signToken } from '../support/issuer.ts'
import type { Soak } from './types.ts'

const ROUNDS = 2000
const WARM_UP = 200
const LIMIT_MICROS = 5000

const key = issuerKey('ES256')
const good = signToken(key, goodClaims())
const [header = '', payload = '', signature = ''] = good.split('.')

/** Tokens that are refused at different depths; each is another one every time, so that no cache answers. */
const KINDS: Readonly<Record<string, (n: number) => string>> = {
  'too large': n => `${header}.${encode({ ...goodClaims(), n, filler: 'x'.repeat(1_000_000) })}.${signature}`,
  'as large as may be, no base64url': n => `${n}${'!'.repeat(8000)}`,
  'as large as may be, no JSON': n => `${header}.${encode('['.repeat(5900) + n)}.${signature}`,
  'unknown key': n => `${encode({ alg: 'ES256', typ: 'at+jwt', kid: `k${n}` })}.${payload}.${signature}`,
  'wrong signature': n => `${header}.${encode({ ...goodClaims(), n })}.${signature}`,
  'wrong signature, as large as may be': n =>
    `${header}.${encode({ ...goodClaims(), n, filler: 'x'.repeat(5000) })}.${signature}`
}

/** What it costs to refuse a token, in microseconds of user CPU, by how far the token gets. */
export const refusedTokens: Soak = async () => {
  const verifier = createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE, keys: fixedKeys(key), clock })
  const counts: Record<string, number> = {}
  const broken: string[] = []
  for (const [kind, make] of Object.entries(KINDS)) {
    const tokens = Array.from({ length: kind === 'too large' ? 100 : ROUNDS }, (_, n) => make(n))
    for (const token of tokens.slice(0, WARM_UP)) await verifier.verify(token).catch(() => {})
    const before = process.cpuUsage()
    let refused = 0
    for (const token of tokens) {
      await verifier.verify(token).catch(() => {
        refused++
      })
    }
    const micros = Math.round(process.cpuUsage(before).user / tokens.length)
    counts[`${kind}, µs`] = micros
    if (refused < tokens.length) broken.push(`${tokens.length - refused} of "${kind}" were accepted`)
    if (micros > LIMIT_MICROS) broken.push(`"${kind}" costs ${micros} µs`)
  }
  return { counts, broken }
}
