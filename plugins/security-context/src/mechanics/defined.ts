/** An object without its undefined members. */
export type Defined<Members> = {
  [Key in keyof Members as undefined extends Members[Key] ? never : Key]: Members[Key]
} & { [Key in keyof Members as undefined extends Members[Key] ? Key : never]?: Exclude<Members[Key], undefined> }

/**
 * The members that have a value: how an optional member is passed on, since under `exactOptionalPropertyTypes` one that
 * is `undefined` is another thing than one that is left out. `null`, `false`, `0` and `''` are values.
 */
export function defined<Members extends object>(members: Members): Defined<Members> {
  // The compiler cannot see which members the filter leaves.
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Defined<Members>
}
