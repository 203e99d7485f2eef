import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LauncherError } from '../launcher-error.ts'
import { hostNameOf } from '../processes.ts'
import { writePrivateFile } from '../state-directory.ts'
import { makeAuthority, ONE_DAY_MS, restoreAuthority, type Authority } from '@sallyport/testing/certificates'

/** Paths of a holder's TLS material. */
export interface CertificateFiles {
  readonly certificatePath: string
  readonly privateKeyPath: string
  readonly caPath: string
}

/** Who gets a certificate: a process, or a client of the authorization server. */
export interface CertificateHolder {
  readonly name: string
  /** Names beside `<name>.sallyport.internal`. */
  readonly names: readonly string[]
}

const RENEW_BEFORE_MS = 30 * ONE_DAY_MS

/** The URI that identifies the holder of a certificate. @see SPIFFE ID §2 */
export const uriOf = (name: string): string => `spiffe://sallyport.local/${name}`

/** The names that a certificate carries. */
function namesOf(entry: CertificateHolder): { names: string[]; uris: string[] } {
  return { names: [hostNameOf(entry), ...entry.names], uris: [uriOf(entry.name)] }
}

/**
 * Keeps a development authority and a certificate per holder in a folder; renews what is missing, about to expire, or
 * has another authority or other names.
 * @throws {LauncherError} when NODE_ENV is `production`
 */
export async function ensureCertificates(
  directory: string,
  holders: readonly CertificateHolder[],
  nodeEnv: string | undefined,
  now = Date.now()
): Promise<Map<string, CertificateFiles>> {
  if (nodeEnv === 'production') {
    throw new LauncherError('NODE_ENV is production: the development certificate authority is for development only')
  }
  mkdirSync(directory, { recursive: true, mode: 0o711 })
  const caPath = join(directory, 'ca.pem')
  const authority = await ensureAuthority(caPath, join(directory, 'ca-key.pem'), now)
  const files = new Map<string, CertificateFiles>()
  for (const entry of holders) {
    const paths = {
      certificatePath: join(directory, `${entry.name}.pem`),
      privateKeyPath: join(directory, `${entry.name}-key.pem`),
      caPath
    }
    if (!isUsable(paths, entry, authority, now)) {
      const issued = await authority.issue(namesOf(entry))
      writePrivateFile(paths.privateKeyPath, issued.privateKey)
      writeFileSync(paths.certificatePath, issued.certificate)
    }
    files.set(entry.name, paths)
  }
  return files
}

async function ensureAuthority(caPath: string, keyPath: string, now: number): Promise<Authority> {
  const kept = readCertificate(caPath)
  if (kept !== null && existsSync(keyPath) && lastsFrom(kept, now)) {
    return restoreAuthority({ certificate: readFileSync(caPath, 'utf8'), privateKey: readFileSync(keyPath, 'utf8') })
  }
  const authority = await makeAuthority()
  writePrivateFile(keyPath, authority.privateKey)
  // Readable by others, so that a browser or curl of another user can trust it.
  writeFileSync(caPath, authority.certificate)
  return authority
}

function isUsable(paths: CertificateFiles, entry: CertificateHolder, authority: Authority, now: number): boolean {
  const certificate = readCertificate(paths.certificatePath)
  if (certificate === null || !existsSync(paths.privateKeyPath)) return false
  const { names, uris } = namesOf(entry)
  const wanted = [
    ...names.map(name => (/^[\d.]+$/.test(name) ? `IP Address:${name}` : `DNS:${name}`)),
    ...uris.map(uri => `URI:${uri}`)
  ].join(', ')
  return (
    certificate.subjectAltName === wanted &&
    lastsFrom(certificate, now) &&
    certificate.verify(new X509Certificate(authority.certificate).publicKey)
  )
}

function lastsFrom(certificate: X509Certificate, now: number): boolean {
  return certificate.validToDate.getTime() > now + RENEW_BEFORE_MS
}

function readCertificate(path: string): X509Certificate | null {
  try {
    return new X509Certificate(readFileSync(path))
  } catch {
    return null
  }
}
