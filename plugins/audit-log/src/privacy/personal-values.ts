import type { JsonValue } from '@sallyport/security-context/mechanics'

/** What a row says of a person: never a column, always sealed. */
export interface PersonalValues {
  /** Address of the end user, as far as it is believed. */
  readonly sourceAddress?: string
  /** Address of the TCP peer, where that is not the end user. */
  readonly peerAddress?: string
  /** What the end user's program calls itself. */
  readonly userAgent?: string
  /** Account name that was tried, where the account exists. */
  readonly nameTried?: string
  /** Members of `detail` that are personal, by their place: a JSON Pointer. */
  readonly detail?: Readonly<Record<string, JsonValue>>
  /** Whose values `detail` has, where it is not the subject of the row. */
  readonly person?: string
  /** Of that person; left out: the trail's own. */
  readonly issuerOfPerson?: string
}

/** Stands in `detail` where a personal value was. */
export const SEALED_MARK = '[sealed]'
