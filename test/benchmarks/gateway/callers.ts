import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestIssuer } from '@sallyport/testing'

const KNOWN = 1000
/** More than the gateway keeps of anything, so that each is forgotten before it comes again. */
const STRANGERS = 25_000

/** Files with one header line for each caller. */
export interface Callers {
  /** ES256 tokens of 1000 callers. */
  readonly known: string
  /** ES256 tokens of 25 000 callers. */
  readonly strangers: string
  /** RS256 tokens of 1000 callers, and the key that verifies them. */
  readonly rs256: string
  readonly rs256Key: string
}

/** Makes the tokens: what the issuer of a deployment puts into them. */
export function writeCallers(directory: string, issuer: TestIssuer, audience: string): Callers {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const write = (name: string, count: number, token: () => string): string => {
    const file = join(directory, name)
    const lines = Array.from({ length: count }, () => `Authorization: Bearer ${token()}\n`)
    writeFileSync(file, lines.join(''))
    return file
  }
  return {
    known: write('known', KNOWN, () => issuer.token(callerClaims())),
    strangers: write('strangers', STRANGERS, () => issuer.token(callerClaims())),
    rs256: write('rs256', KNOWN, () =>
      rs256Token(privateKey, { ...callerClaims(), iss: issuer.issuer, aud: audience })
    ),
    rs256Key: publicKey.export({ type: 'spki', format: 'pem' }).toString()
  }
}

const callerClaims = () => ({
  sub: randomUUID(),
  client_id: 'gateway',
  scope: 'orders:read orders:write',
  roles: ['CUSTOMER'],
  sid: randomUUID()
})

function rs256Token(key: KeyObject, claims: object): string {
  const now = Math.floor(Date.now() / 1000)
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'RS256', typ: 'at+jwt', kid: 'key-1' })}.${part({ ...claims, jti: randomUUID(), iat: now, exp: now + 7200 })}`
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
}
