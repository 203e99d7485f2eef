import type { KeySource, MeasuredValue, Measurement, StatusSource } from '@sallyport/security-context'

/** What operators watch of one issuer. */
export interface MeasuredSources {
  readonly keys: KeySource
  readonly status: (StatusSource & { readonly size?: () => number }) | undefined
}

const secondsOrNone = (ms: number | null): number | null => (ms === null ? null : ms / 1000)

/** What operators watch of what tokens are verified with: with several issuers a series each, under its name. */
export function sourceMeasurements(issuers: ReadonlyMap<string, MeasuredSources>): Measurement[] {
  const sources = [...issuers.values()]
  const labels = issuers.size > 1 ? { labels: ['issuer'] } : {}
  const ofEach = (read: (sources: MeasuredSources) => number | null) => ({
    ...labels,
    kind: 'gauge' as const,
    read: (): MeasuredValue => valueOfEach(issuers, read)
  })
  return [
    {
      name: 'sallyport_key_set_age_seconds',
      help: 'Age of the newest good answer about the keys of the issuer; no series before the first',
      ...ofEach(({ keys }) => secondsOrNone(keys.ageMs()))
    },
    ...(sources.every(({ status }) => status === undefined)
      ? []
      : [
          {
            name: 'sallyport_status_list_age_seconds',
            help: 'Age of the oldest status list that is followed; no series while none is',
            ...ofEach(({ status }) => secondsOrNone(status?.ageMs() ?? null))
          }
        ]),
    ...(sources.every(({ status }) => status?.size === undefined)
      ? []
      : [
          {
            name: 'sallyport_status_lists_followed',
            help: 'Status lists that are followed',
            ...ofEach(({ status }) => status?.size?.() ?? null)
          }
        ])
  ]
}

function valueOfEach(
  issuers: ReadonlyMap<string, MeasuredSources>,
  read: (sources: MeasuredSources) => number | null
): MeasuredValue {
  const [only] = issuers.values()
  if (issuers.size === 1 && only !== undefined) return read(only)
  return [...issuers].flatMap(([issuer, sources]) => {
    const value = read(sources)
    return value === null ? [] : [{ labels: { issuer }, value }]
  })
}
