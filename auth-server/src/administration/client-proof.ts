import { importKeys } from '@sallyport/authentication'
import { InvalidValueError, UnknownSubjectError } from '../errors.ts'
import { ASSERTION_ALGORITHMS } from '../protocol/client-authentication/verify-assertion.ts'
import type { AuthenticationMethod, ClientProof } from '../store/records.ts'
import type { Administration } from './administration.ts'

/** The part of a new client that registers its keys and certificates; what is left out is empty. */
export type NewClientProof = Partial<ClientProof>

const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/

/** The whole proof. */
export function clientProofOf(wanted: NewClientProof): ClientProof {
  return {
    jwks: wanted.jwks ?? [],
    certificateSubject: wanted.certificateSubject ?? null,
    certificateThumbprints: wanted.certificateThumbprints ?? [],
    certificateBoundTokens: wanted.certificateBoundTokens ?? false,
    dpopBoundTokens: wanted.dpopBoundTokens ?? false
  }
}

/** Why keys and certificates cannot be registered, as one phrase each. A method without its key would never work. */
export function clientProofMistakes(wanted: NewClientProof, methods: readonly AuthenticationMethod[]): string[] {
  const proof = clientProofOf(wanted)
  const mistakes: string[] = []
  const imported = importKeys({ keys: proof.jwks })
  if (imported === null) mistakes.push('jwks has too many keys')
  for (const { keyId, reason } of imported?.ignored ?? []) {
    mistakes.push(`jwks: key ${keyId ?? 'without id'}: ${reason}`)
  }
  for (const { keyId, algorithm } of imported?.keys.values() ?? []) {
    if (!ASSERTION_ALGORITHMS.has(algorithm)) mistakes.push(`jwks: key ${keyId}: ${algorithm} is not for assertions`)
  }
  if (!proof.certificateThumbprints.every(thumbprint => THUMBPRINT.test(thumbprint))) {
    mistakes.push('a certificate thumbprint is the base64url of a SHA-256')
  }
  if (proof.certificateSubject?.value === '') mistakes.push('certificateSubject has no value')
  if (methods.includes('private_key_jwt') && proof.jwks.length === 0) mistakes.push('private_key_jwt needs jwks')
  if (methods.includes('tls_client_auth') && proof.certificateSubject === null) {
    mistakes.push('tls_client_auth needs certificateSubject')
  }
  if (methods.includes('self_signed_tls_client_auth') && proof.certificateThumbprints.length === 0) {
    mistakes.push('self_signed_tls_client_auth needs certificateThumbprints')
  }
  return mistakes
}

/**
 * Replaces a client's keys and certificates; what is left out stays. For a change with no failed request, register the
 * new key beside the old one first.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export async function setClientProof(
  administration: Administration,
  clientId: string,
  wanted: NewClientProof
): Promise<void> {
  await administration.store.transaction(async trx => {
    const client = await trx.clients.find(clientId)
    if (client === null) throw new UnknownSubjectError('client', clientId)
    const proof = { ...client.proof, ...wanted }
    const mistakes = clientProofMistakes(proof, client.authenticationMethods)
    if (mistakes.length > 0) throw new InvalidValueError(mistakes.join('; '))
    await trx.clients.setProof(clientId, proof)
    await administration.audit(trx, {
      action: 'client.set-keys',
      outcome: 'success',
      resource: { type: 'client', id: clientId },
      detail: { changed: Object.keys(wanted).join(' ') }
    })
  })
}
