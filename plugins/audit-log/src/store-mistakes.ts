/** Options that go together; which of them are given is all that matters here. */
interface StoreChoices {
  readonly db?: unknown
  readonly store?: unknown
  readonly route?: unknown
  readonly sealer?: unknown
  readonly checkpoints?: unknown
}

/** Says which of two places the rows go to, and what needs a database. */
export function storeMistakes({ db, store, route, sealer, checkpoints }: StoreChoices): string[] {
  if (db === undefined && store === undefined) return ['db is missing']
  if (db !== undefined && store !== undefined) return ['db and store must not both be given']
  const isWithoutSealer = store !== undefined || sealer === false
  return [
    ...(store !== undefined && typeof route === 'object' ? ['route needs db'] : []),
    ...(isWithoutSealer && typeof checkpoints === 'object' ? ['checkpoints need db and a sealer in this process'] : [])
  ]
}
