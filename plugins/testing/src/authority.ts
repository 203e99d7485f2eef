import './reflect-metadata.ts'
import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  cryptoProvider
} from '@peculiar/x509'

cryptoProvider.set(webcrypto)

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' }
const CERTIFICATE_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' }
/** A day in ms. */
export const ONE_DAY_MS = 86_400_000

/** A certificate with its private key and the certificate that vouches for it, each as PEM. */
export interface IssuedCertificate {
  readonly certificate: string
  /** PKCS #8. */
  readonly privateKey: string
  readonly ca: string
}

/** The content of a leaf certificate. */
export interface CertificateRequest {
  /** DNS names and IP addresses of the subject alternative name; the first is also the common name. */
  readonly names: readonly string[]
  /** URIs of the subject alternative name, such as a SPIFFE ID. */
  readonly uris?: readonly string[]
  /** Default: a minute ago. */
  readonly notBefore?: Date
  /** Default: in 90 days. */
  readonly notAfter?: Date
  /** Extended key usages. Default: both, because each process serves and calls. */
  readonly usages?: ReadonlyArray<'server' | 'client'>
}

/** A certificate authority whose key is in memory. */
export interface Authority {
  readonly certificate: string
  readonly privateKey: string
  /** Issues a certificate for a new P-256 key. */
  issue: (request: CertificateRequest) => Promise<IssuedCertificate>
}

/** Makes a self-signed authority. @param request its common name and validity (default ten years) */
export async function makeAuthority(
  request: { name?: string; notBefore?: Date; notAfter?: Date } = {}
): Promise<Authority> {
  const keys = await makeKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity(request, 3650),
    name: [{ CN: [request.name ?? 'Sallyport development CA'] }],
    serialNumber: serialNumber(),
    keys,
    signingAlgorithm: CERTIFICATE_ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey)
    ]
  })
  return authorityOf(certificate, keys.privateKey)
}

/**
 * The authority of a certificate and key that {@link makeAuthority} has made. @throws {Error} when they cannot be
 * parsed
 */
export async function restoreAuthority(stored: { certificate: string; privateKey: string }): Promise<Authority> {
  const der = PemConverter.decodeFirst(stored.privateKey)
  const key = await webcrypto.subtle.importKey('pkcs8', der, KEY_ALGORITHM, true, ['sign'])
  return await authorityOf(new X509Certificate(stored.certificate), key)
}

async function authorityOf(issuer: X509Certificate, issuerKey: webcrypto.CryptoKey): Promise<Authority> {
  const ca = pem(issuer)
  return {
    certificate: ca,
    privateKey: await exportPrivateKey(issuerKey),
    issue: async request => {
      const keys = await makeKeys()
      const certificate = await X509CertificateGenerator.create({
        ...validity(request, 90),
        serialNumber: serialNumber(),
        issuer: issuer.subject,
        subject: [{ CN: [request.names[0] ?? ''] }],
        publicKey: keys.publicKey,
        signingKey: issuerKey,
        signingAlgorithm: CERTIFICATE_ALGORITHM,
        extensions: await leafExtensions(request, issuer, keys.publicKey)
      })
      return { certificate: pem(certificate), privateKey: await exportPrivateKey(keys.privateKey), ca }
    }
  }
}

async function leafExtensions(
  request: CertificateRequest,
  issuer: X509Certificate,
  publicKey: webcrypto.CryptoKey
): Promise<Extension[]> {
  const usages = request.usages ?? ['server', 'client']
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension(
      usages.map(usage => (usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth))
    ),
    new SubjectAlternativeNameExtension([
      ...request.names.map(value => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
      ...(request.uris ?? []).map(value => ({ type: 'url' as const, value }))
    ]),
    await AuthorityKeyIdentifierExtension.create(issuer),
    await SubjectKeyIdentifierExtension.create(publicKey)
  ]
}

function validity(request: { notBefore?: Date; notAfter?: Date }, days: number): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: request.notBefore ?? new Date(Date.now() - 60_000),
    notAfter: request.notAfter ?? new Date(Date.now() + days * ONE_DAY_MS)
  }
}

/** 16 random bytes, positive. @see RFC 5280 §4.1.2.2 */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
}

async function exportPrivateKey(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`
}
