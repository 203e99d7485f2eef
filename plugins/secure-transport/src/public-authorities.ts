// By the module: a Node that lacks the function is to be told so by `require-node`, and not to fail at this line.
import tls from 'node:tls'

/**
 * The authorities that Node trusts, `NODE_EXTRA_CA_CERTS` among them, as PEM: for peers that have a public certificate.
 */
export function publicAuthorities(): string {
  return tls.getCACertificates('default').join('\n')
}
