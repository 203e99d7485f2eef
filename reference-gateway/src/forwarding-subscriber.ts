import type { RouteTableOptions } from '@sallyport/forwarding'
import type { AppRoute } from '@sallyport/security-context'
import type { Change, ReloadSubscriber } from '@sallyport/service-process'
import type { FastifyInstance } from 'fastify'
import { servedTable } from './routes-overlay.ts'
import type { GatewaySettings } from './settings.ts'

/** What is forwarded depends on what can change: the file of routes, and its overlay and limits in the settings. */
export interface ForwardingSubscribers {
  readonly routes: ReloadSubscriber<RouteTableOptions>
  readonly settings: ReloadSubscriber<GatewaySettings>
}

/**
 * Lets what is forwarded take part in a reload of routes, and in one of settings.
 * @param own routes of the gateway itself
 */
export function forwardingSubscribers(
  app: FastifyInstance,
  settings: GatewaySettings,
  table: RouteTableOptions,
  own: readonly AppRoute[]
): ForwardingSubscribers {
  let current = { table, settings }

  /** Whichever changes, the other one is that of the moment of the switch. */
  function exchange(next: Partial<typeof current>): Change {
    const checked = { ...current, ...next }
    app.forwarding.check(servedTable(checked.table, checked.settings, own))
    const last = current
    const take = (change: Partial<typeof current>): void => {
      const taken = { ...current, ...change }
      app.forwarding.replace(servedTable(taken.table, taken.settings, own))
      current = taken
    }
    return {
      apply: () => {
        take(next)
      },
      undo: () => {
        take(next.table === undefined ? { settings: last.settings } : { table: last.table })
      }
    }
  }

  return {
    routes: { name: 'forwarding', validate: newTable => exchange({ table: newTable }) },
    settings: { name: 'forwarding', validate: newSettings => exchange({ settings: newSettings }) }
  }
}
