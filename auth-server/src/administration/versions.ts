import { VersionMismatchError } from '../errors.ts'

/** The version that a change is meant for, as `If-Match` names it; `null`: whichever is stored. */
export type ExpectedVersion = number | null

/**
 * Refuses a change that was decided on another version of a row. Call it in the transaction of the change, under the
 * lock of the row.
 * @throws {VersionMismatchError} `SALLYPORT_AUTH_SERVER_VERSION_MISMATCH`
 * @see RFC 9110 §13.1.1
 */
export function refuseOtherVersion(
  expected: ExpectedVersion,
  kind: string,
  id: string,
  { version }: { readonly version: number }
): void {
  if (expected !== null && expected !== version) throw new VersionMismatchError(kind, id)
}
