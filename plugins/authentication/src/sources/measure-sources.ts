import type { KeySource, Measurement, StatusSource } from '@sallyport/security-context'

const secondsOrNone = (ms: number | null): number | null => (ms === null ? null : ms / 1000)

/** What operators watch of what tokens are verified with. */
export function sourceMeasurements(keys: KeySource, status: StatusSource | undefined): Measurement[] {
  return [
    {
      name: 'sallyport_key_set_age_seconds',
      help: 'Age of the newest good answer about the keys of the issuer; no series before the first',
      kind: 'gauge',
      read: () => secondsOrNone(keys.ageMs())
    },
    ...(status === undefined ? [] : statusMeasurements(status))
  ]
}

function statusMeasurements(status: StatusSource & { readonly size?: () => number }): Measurement[] {
  const { size } = status
  return [
    {
      name: 'sallyport_status_list_age_seconds',
      help: 'Age of the oldest status list that is followed; no series while none is',
      kind: 'gauge',
      read: () => secondsOrNone(status.ageMs())
    },
    ...(size === undefined
      ? []
      : [
          {
            name: 'sallyport_status_lists_followed',
            help: 'Status lists that are followed',
            kind: 'gauge',
            read: () => size()
          } as const
        ])
  ]
}
