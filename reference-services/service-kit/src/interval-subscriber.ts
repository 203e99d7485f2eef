import type { Change, ReloadSubscriber } from '@sallyport/security-context/mechanics'

/**
 * Lets something that runs again and again follow a setting with its interval: the wait under way ends with the change,
 * however long it was.
 * @param reschedule begins the wait anew with the interval of now
 */
export function intervalSubscriber<Name extends string>(
  name: Name,
  live: { readonly current: Readonly<Record<Name, number>> },
  reschedule: () => void
): ReloadSubscriber<Readonly<Record<Name, number>>> {
  return {
    name,
    validate: (next): Change => {
      const isOther = next[name] !== live.current[name]
      const follow = (): void => {
        if (isOther) reschedule()
      }
      return { apply: follow, undo: follow }
    }
  }
}
