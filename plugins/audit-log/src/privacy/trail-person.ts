/** A person of a trail: a subject is unique at its issuer only. */
export interface TrailPerson {
  readonly subject: string
  /** `null`: the issuer of the trail itself, which most persons have. */
  readonly issuer: string | null
}

/**
 * The issuer of a person, as keys, holds and erasures name it: `null` for the issuer of the trail itself, and for a
 * subject that came without one.
 * @param issuer of a row or of a question
 * @param ownIssuer left out: everybody is of one issuer, and a subject alone is a person
 */
export function personIssuer(issuer: string | null | undefined, ownIssuer: string | undefined): string | null {
  return issuer === null || issuer === undefined || ownIssuer === undefined || issuer === ownIssuer ? null : issuer
}

/**
 * The columns of a person in the tables of keys and of erasures. A person of another issuer has none of the own
 * issuer's: releases that know the subject alone do not take one for the other.
 */
export function personColumns({ subject, issuer }: TrailPerson): Record<string, string> {
  return issuer === null ? { subject } : { issuer, issuer_subject: subject }
}
