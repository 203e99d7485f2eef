import type { Change, ReloadSubscriber } from '@sallyport/security-context/mechanics'
import { ReloadFailedError, ReloadRefusedError } from './errors.ts'

export type { Change, ReloadSubscriber }

/** Something that can change while the process runs: settings, routes, certificates. */
export interface Reload<Next> {
  /** Adds a subscriber; the returned function removes it. */
  readonly subscribe: (subscriber: ReloadSubscriber<Next>) => () => void
  /**
   * Changes it for all subscribers or for none. Concurrent reloads run one after the other. Rejects with
   * `SALLYPORT_PROCESS_RELOAD_REFUSED` when a subscriber refuses, and nothing has changed; with
   * `SALLYPORT_PROCESS_RELOAD_FAILED` when one fails to apply, and what was applied has been undone. Both list every
   * reason.
   */
  readonly reload: (next: Next) => Promise<void>
}

interface Prepared {
  readonly name: string
  readonly change: Change
}

/**
 * The one way to change something in a running process: every subscriber validates, then every subscriber switches; one
 * refusal changes nothing.
 */
export function createReload<Next>(): Reload<Next> {
  const subscribers = new Set<ReloadSubscriber<Next>>()
  let last: Promise<unknown> = Promise.resolve()

  async function exchange(next: Next): Promise<void> {
    await applyAll(await validateAll([...subscribers], next))
  }

  return {
    subscribe: subscriber => {
      // A copy, because the same object may be added twice and each addition is removed on its own.
      const own = { ...subscriber }
      subscribers.add(own)
      return () => {
        subscribers.delete(own)
      }
    },
    reload: next => {
      const turn = last.then(async () => {
        await exchange(next)
      })
      last = turn.catch(() => {})
      return turn
    }
  }
}

async function validateAll<Next>(subscribers: ReadonlyArray<ReloadSubscriber<Next>>, next: Next): Promise<Prepared[]> {
  const refusals: ReloadReason[] = []
  const prepared = await Promise.all(
    subscribers.map(async ({ name, validate }) => {
      try {
        return [{ name, change: await validate(next) }]
      } catch (error) {
        refusals.push({ name, error })
        return []
      }
    })
  )
  if (refusals.length === 0) return prepared.flat()
  throw Object.assign(new ReloadRefusedError(reasonText(refusals)), { cause: refusals[0]?.error })
}

/** In the order of the subscriptions; undone in reverse. */
async function applyAll(prepared: readonly Prepared[]): Promise<void> {
  const begun: Prepared[] = []
  for (const one of prepared) {
    begun.push(one)
    try {
      await one.change.apply()
    } catch (error) {
      const reasons = [{ name: one.name, error }, ...(await undoAll(begun))]
      throw Object.assign(new ReloadFailedError(reasonText(reasons)), { cause: error })
    }
  }
}

async function undoAll(begun: readonly Prepared[]): Promise<ReloadReason[]> {
  const reasons: ReloadReason[] = []
  for (const { name, change } of begun.toReversed()) {
    try {
      await change.undo()
    } catch (error) {
      reasons.push({ name: `${name}, while it was taken back`, error })
    }
  }
  return reasons
}

interface ReloadReason {
  readonly name: string
  readonly error: unknown
}

function reasonText(reasons: readonly ReloadReason[]): string {
  const texts = reasons.map(({ name, error }) => `${name}: ${error instanceof Error ? error.message : String(error)}`)
  return texts.join('; ')
}
