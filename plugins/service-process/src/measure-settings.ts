import type { LiveSettings } from '@sallyport/configuration'
import type { Measurement } from '@sallyport/security-context'

/** What operators watch of the settings of a process: which they are, and whether a change was refused. */
export function settingsMeasurements(live: LiveSettings<unknown>): Measurement[] {
  return [
    {
      name: 'sallyport_configuration_version',
      help: 'Version of the settings in use: 1 at the start, one more with each change',
      kind: 'gauge',
      amongWorkers: 'max',
      read: () => live.version
    },
    {
      name: 'sallyport_configuration_info',
      help: 'Always 1; the digest is the same in processes with the same settings, secrets left out',
      kind: 'gauge',
      amongWorkers: 'max',
      labels: ['digest'],
      read: () => [{ labels: { digest: live.state().digest }, value: 1 }]
    },
    {
      name: 'sallyport_configuration_changes_total',
      help: 'Changes of settings that were taken, and readings that were refused',
      kind: 'counter',
      labels: ['outcome'],
      read: () => {
        const { changed, refused } = live.state()
        return [
          { labels: { outcome: 'taken' }, value: changed },
          { labels: { outcome: 'refused' }, value: refused }
        ]
      }
    },
    {
      name: 'sallyport_configuration_refused',
      help: 'Whether the settings that are there now are refused, and the last good ones in use',
      kind: 'gauge',
      amongWorkers: 'max',
      read: () => (live.state().lastRefusal === null ? 0 : 1)
    }
  ]
}
