// Settings of a process that never change, for what only reads them.
import type { LiveSettings } from '@sallyport/configuration'

export function stillSettings<T extends object>(values: T): LiveSettings<T> {
  return {
    current: values as LiveSettings<T>['current'],
    version: 1,
    state: () => ({ version: 1, digest: 'still', changed: 0, refused: 0, lastRefusal: null }),
    explain: () => [],
    subscribe: () => () => {}
  }
}
