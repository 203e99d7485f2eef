import { suggestName } from '@sallyport/security-context/options'
import { refusedNames } from '../forwarded-headers.ts'
import type { GatewayDocument } from './gateway-schema.ts'

/** A value whose wrong members are left out. */
export type Loose<T> =
  T extends ReadonlyArray<infer Item>
    ? ReadonlyArray<Loose<Item> | undefined>
    : T extends object
      ? { readonly [Name in keyof T]?: Loose<T[Name]> | undefined }
      : T

/** What is wrong with one member of a document. */
export interface MemberMistake {
  /** `routes/3/upstream`. */
  readonly path: string
  readonly message: string
}

/** The mistake of a member, if it is one. */
export function mistakeIf(isWrong: boolean, path: string, message: string): MemberMistake[] {
  return isWrong ? [{ path, message }] : []
}

/** A limit that is longer than the whole. */
export function timeoutMistakes(timeouts: Loose<GatewayDocument['routes'][number]['timeouts']>): MemberMistake[] {
  const { headMs, pauseMs, totalMs } = timeouts ?? {}
  const longest = Math.max(headMs ?? 0, pauseMs ?? 0)
  return mistakeIf(
    totalMs !== undefined && totalMs < longest,
    'timeouts/totalMs',
    'totalMs must not be shorter than headMs and pauseMs, which are parts of it'
  )
}

/** Headers that nobody outside may send to a service. */
export function passMistakes(pass: ReadonlyArray<string | undefined> | undefined): MemberMistake[] {
  return (pass ?? []).flatMap((name, place) =>
    mistakeIf(
      name !== undefined && refusedNames([name]).length > 0,
      `requestHeaders/pass/${place}`,
      `${JSON.stringify(name)} must not reach a service from outside`
    )
  )
}

/** An upstream that there is none of. */
export function unknownUpstream(upstream: string | undefined, known: readonly string[]): MemberMistake[] {
  return mistakeIf(
    upstream !== undefined && !known.includes(upstream),
    'upstream',
    `there is no upstream ${JSON.stringify(upstream)}${suggestion(upstream ?? '', known)}`
  )
}

/** Ends a mistake about a name: the one that may be meant, or those that there are. */
export function suggestion(name: string, known: readonly string[]): string {
  const meant = suggestName(name, known)
  if (meant !== null) return ` (did you mean ${meant}?)`
  return known.length === 0 ? '' : ` (there are ${known.join(', ')})`
}
