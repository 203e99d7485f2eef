import { isDeepStrictEqual } from 'node:util'

type Fields = Readonly<Record<string, unknown>>

/**
 * The detail of the audit row of a change: the declared fields that differ, before and after. Of anything created there
 * is no before, of anything deleted no after. What is not declared, secrets above all, is in neither.
 * @param declared names of the fields that the trail may have
 */
export function beforeAndAfter(
  declared: readonly string[],
  before: object | null,
  after: object | null
): { readonly before: Fields | null; readonly after: Fields | null } {
  const value = (row: object | null, name: string): unknown => (row === null ? undefined : Reflect.get(row, name))
  const differing = declared.filter(name => !isDeepStrictEqual(value(before, name), value(after, name)))
  const picked = (row: object | null): Fields | null =>
    row === null ? null : Object.fromEntries(differing.map(name => [name, value(row, name)]))
  return { before: picked(before), after: picked(after) }
}
