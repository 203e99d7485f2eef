import { createHash, type X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** A certificate whose private key the client of a connection has proven to hold. */
export interface ClientCertificate {
  readonly certificate: X509Certificate
  /** SHA-256 of the DER form, base64url: `x5t#S256`. @see RFC 8705 §3.1 */
  readonly thumbprint: string
  /** Whether the configured authorities vouch for it, for clients, now. Without that, only the key is proven. */
  readonly trusted: boolean
}

/**
 * The client certificate of a connection; `null` without one, and on listeners that ask for none.
 * @see RFC 8446 §4.4.3: the handshake proves the key, whoever issued the certificate
 */
export function clientCertificateOf(socket: Socket): ClientCertificate | null {
  if (!(socket instanceof TLSSocket)) return null
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return null
  return {
    certificate,
    thumbprint: createHash('sha256').update(certificate.raw).digest('base64url'),
    trusted: socket.authorized
  }
}
