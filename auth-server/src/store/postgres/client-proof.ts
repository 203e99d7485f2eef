import type { CertificateSubject, ClientProof } from '../records.ts'

/** The columns of `clients` that hold its keys and certificates. */
export interface ProofColumns {
  readonly jwks: Array<Record<string, unknown>>
  readonly certificate_subject: CertificateSubject | null
  readonly certificate_thumbprints: string[]
  readonly certificate_bound_tokens: boolean
  readonly dpop_bound_tokens: boolean
}

/** What the columns say. */
export function proofOf(row: ProofColumns): ClientProof {
  return {
    jwks: row.jwks,
    certificateSubject: row.certificate_subject,
    certificateThumbprints: row.certificate_thumbprints,
    certificateBoundTokens: row.certificate_bound_tokens,
    dpopBoundTokens: row.dpop_bound_tokens
  }
}

/** The columns for a client's proof; JSON as text, since the driver takes an array for one of SQL. */
export function proofColumnsOf(proof: ClientProof): Record<string, unknown> {
  return {
    jwks: JSON.stringify(proof.jwks),
    certificate_subject: proof.certificateSubject === null ? null : JSON.stringify(proof.certificateSubject),
    certificate_thumbprints: proof.certificateThumbprints,
    certificate_bound_tokens: proof.certificateBoundTokens,
    dpop_bound_tokens: proof.dpopBoundTokens
  }
}
