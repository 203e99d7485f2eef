import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { ServerOptions } from 'node:https'
import { TlsMaterialError } from './errors.ts'

/** The certificate and key of a process, and the authorities that it trusts; each as PEM. */
export interface TlsMaterial {
  readonly certificate: string
  readonly privateKey: string
  /** One or more certificates: both authorities while one replaces the other. */
  readonly ca: string
}

/** Paths of PEM files. */
export interface TlsMaterialPaths {
  readonly certificatePath: string
  readonly privateKeyPath: string
  readonly caPath: string
}

const MIN_VERSION = 'TLSv1.2'

/**
 * Reads and checks the TLS material of a process: it is readable, the key belongs to the certificate, and it is valid
 * today.
 * @param paths PEM files
 * @param clock milliseconds since the epoch
 * @throws {TlsMaterialError} `SALLYPORT_TRANSPORT_MATERIAL_INVALID`, with every mistake
 */
export async function loadTlsMaterial(paths: TlsMaterialPaths, clock: () => number = Date.now): Promise<TlsMaterial> {
  const files = [paths.certificatePath, paths.privateKeyPath, paths.caPath]
  const read = await Promise.all(files.map(async path => await readFile(path, 'utf8').catch(() => null)))
  // In the order of the paths, whichever of them answers first.
  const mistakes = files.filter((_path, place) => read[place] === null).map(path => `${path} cannot be read`)
  const [certificate = '', privateKey = '', ca = ''] = read.map(text => text ?? '')
  if (mistakes.length === 0) mistakes.push(...materialMistakes({ certificate, privateKey, ca }, paths, clock()))
  if (mistakes.length > 0) throw new TlsMaterialError(mistakes.join('; '))
  return Object.freeze({ certificate, privateKey, ca })
}

/**
 * Options of an https server: at least TLS 1.2.
 * @param material own certificate and the authorities for client certificates
 * @param options `clientCertificates: 'required'` ends the handshake of a client without a certificate of our
 * authority; `'asked'` takes any and none: for tokens that are bound to one, which is compared by its thumbprint and
 * believed in nothing else (RFC 8705 §3)
 * @see RFC 9325 §3.1.1
 */
export function serverTls(
  material: TlsMaterial,
  options: { readonly clientCertificates?: 'none' | 'asked' | 'required' } = {}
): ServerOptions {
  const required = options.clientCertificates === 'required'
  return {
    cert: material.certificate,
    key: material.privateKey,
    minVersion: MIN_VERSION,
    handshakeTimeout: 10_000,
    // Clients are not known by it, and Node would end the connection of those that have none.
    // eslint-disable-next-line no-restricted-syntax
    ...(options.clientCertificates === 'asked' && { requestCert: true, rejectUnauthorized: false }),
    ...(required && { ca: material.ca, requestCert: true, rejectUnauthorized: true })
  }
}

function materialMistakes(material: TlsMaterial, paths: TlsMaterialPaths, now: number): string[] {
  const certificate = parsedOrNull(() => new X509Certificate(material.certificate))
  const key = parsedOrNull(() => createPrivateKey(material.privateKey))
  const ca = parsedOrNull(() => new X509Certificate(material.ca))
  return [
    ...(certificate === null
      ? [`${paths.certificatePath} does not hold a certificate`]
      : validityMistakes(certificate, paths.certificatePath, now)),
    ...(key === null ? [`${paths.privateKeyPath} does not hold an unencrypted private key`] : []),
    ...(ca === null ? [`${paths.caPath} does not hold a certificate`] : validityMistakes(ca, paths.caPath, now)),
    ...(certificate !== null && key !== null && !certificate.checkPrivateKey(key)
      ? [`${paths.privateKeyPath} is not the key of ${paths.certificatePath}`]
      : [])
  ]
}

function validityMistakes(certificate: X509Certificate, path: string, now: number): string[] {
  if (now < certificate.validFromDate.getTime()) {
    return [`${path} is not valid before ${certificate.validFromDate.toISOString()}`]
  }
  if (now > certificate.validToDate.getTime()) {
    return [`${path} has expired at ${certificate.validToDate.toISOString()}`]
  }
  return []
}

function parsedOrNull<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
