import { timingSafeEqual } from 'node:crypto'
import { invalidClient, invalidRequest } from '../../../oauth-error.ts'
import { decodeFormComponent } from '../../../parse-form.ts'
import type { ClientSecret } from '../../../store/records.ts'
import { hashOfSecret } from '../../../tokens/secret-token.ts'
import { PROVEN, requireClientId, type ClientAuthenticationMethod, type PresentedProof } from '../method.ts'

/** Compared with when a client has fewer secrets than this, or does not exist: the work is the same for all. */
const COMPARED_SECRETS = 2
const NO_SECRET = Buffer.alloc(32)

/** `client_secret_basic`: id and secret in the `Authorization` header, each form-encoded. @see RFC 6749 §2.3.1 */
export const clientSecretBasic: ClientAuthenticationMethod = {
  needs: 'secret',
  byCertificate: false,
  signingAlgorithms: [],
  isPresented: ({ authorization }) => authorization !== undefined,
  read: ({ authorization = '', form }) => {
    const [, encoded = ''] = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
    const decoded = Buffer.from(encoded, 'base64').toString('latin1')
    const colon = decoded.indexOf(':')
    if (colon === -1) throw invalidClient('client-authentication-malformed')
    const clientId = decodeFormComponent(decoded.slice(0, colon))
    const secret = decodeFormComponent(decoded.slice(colon + 1))
    if (clientId === null || secret === null) throw invalidClient('client-authentication-malformed')
    if ((form.get('client_id') ?? clientId) !== clientId) {
      throw invalidRequest('client-id-mismatch', 'Two different client ids')
    }
    return presentedSecret(clientId, secret)
  }
}

/** `client_secret_post`: id and secret in the form. @see RFC 6749 §2.3.1 */
export const clientSecretPost: ClientAuthenticationMethod = {
  needs: 'secret',
  byCertificate: false,
  signingAlgorithms: [],
  isPresented: ({ form }) => form.has('client_secret'),
  read: ({ form }) => presentedSecret(requireClientId(form), form.get('client_secret') ?? '')
}

function presentedSecret(clientId: string, secret: string): PresentedProof {
  return {
    clientId,
    verify: (registered, { nowMs }) => {
      const isRight = matchesOne(secret, registered?.secrets ?? [], nowMs)
      if (registered === null) return { refusal: 'client-unknown' }
      return isRight ? PROVEN : { refusal: 'client-secret-wrong' }
    }
  }
}

function matchesOne(secret: string, secrets: readonly ClientSecret[], nowMs: number): boolean {
  const presented = hashOfSecret(secret)
  let matches = 0
  for (let position = 0; position < Math.max(COMPARED_SECRETS, secrets.length); position++) {
    const candidate = secrets[position]
    const equal = timingSafeEqual(presented, candidate?.hash ?? NO_SECRET)
    const live = candidate !== undefined && (candidate.expiresAtMs === null || candidate.expiresAtMs > nowMs)
    matches += Number(equal && live)
  }
  return matches > 0
}
