/**
 * How the caller of a route has to have proven who it is, beyond being known; at least one of both.
 * @see RFC 9470
 */
export interface StepUp {
  /** No longer ago than this, in seconds. */
  readonly maxAgeSeconds?: number
  /** In one of these ways, as the issuer names them (`acr`); the preferred one first. */
  readonly acr?: readonly string[]
}
