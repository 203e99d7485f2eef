import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClientFacts, ClientKeyRegistration } from './app-module.ts'
import { ensureCertificates, uriOf } from './certificates/process-certificates.ts'
import { writePrivateFile } from './state-directory.ts'

/** The key of a client without a secret: where it is, and what the authorization server knows about it. */
export interface ClientKey {
  readonly registration: ClientKeyRegistration
  readonly privateKeyFile: string
  /** For a client with a certificate. */
  readonly certificateFile?: string
  /** `kid` for a client that signs assertions. */
  readonly keyId?: string
}

/**
 * Keeps the keys of the demo clients: a certificate of the development authority for those of `tls_client_auth`, a key
 * pair for those of `private_key_jwt`; makes what is missing.
 * @throws {LauncherError} when NODE_ENV is `production`
 */
export async function ensureClientKeys(
  directory: string,
  clients: readonly ClientFacts[],
  nodeEnv: string | undefined
): Promise<Map<string, ClientKey>> {
  const withCertificate = clients.filter(
    ({ authenticationMethods }) => authenticationMethods?.includes('tls_client_auth') === true
  )
  const certificates = await ensureCertificates(
    join(directory, 'certificates'),
    withCertificate.map(({ id }) => ({ name: id, names: [] })),
    nodeEnv
  )
  const keys = new Map<string, ClientKey>()
  for (const [id, { privateKeyPath, certificatePath }] of certificates) {
    keys.set(id, {
      registration: { certificateSubject: { kind: 'uri', value: uriOf(id) } },
      privateKeyFile: privateKeyPath,
      certificateFile: certificatePath
    })
  }
  for (const { id } of clients.filter(({ id }) => !certificates.has(id))) {
    keys.set(id, madeAssertionKey(join(directory, 'clients'), id))
  }
  return keys
}

function madeAssertionKey(directory: string, clientId: string): ClientKey {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const privateKeyFile = join(directory, `${clientId}-key.pem`)
  if (!existsSync(privateKeyFile)) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writePrivateFile(privateKeyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  }
  const jwk = createPublicKey(createPrivateKey(readFileSync(privateKeyFile))).export({ format: 'jwk' })
  const keyId = createHash('sha256')
    .update(JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }))
    .digest('base64url')
  return { registration: { jwks: [{ ...jwk, kid: keyId, alg: 'ES256', use: 'sig' }] }, privateKeyFile, keyId }
}
