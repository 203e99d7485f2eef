/** What every candidate is told, as JSON. */
export interface ServerFacts {
  /** Origin of the service behind the candidate. */
  readonly upstream: string
  /** Origin of a collector that takes spans, over TLS. */
  readonly collector: string
  /** Certificate of the authority that vouches for the upstream and for the issuer, as PEM. */
  readonly ca: string
  readonly issuer: string
  readonly audience: string
  readonly jwksUri: string
  /** Where the issuer's status lists are. */
  readonly statusLists: string
  /** The issuer's key, as PEM. */
  readonly publicKey: string
}

/** Reads what the benchmark wrote itself: no check is needed. */
export const readServerFacts = (given: Readonly<Record<string, unknown>>): ServerFacts =>
  given as unknown as ServerFacts
