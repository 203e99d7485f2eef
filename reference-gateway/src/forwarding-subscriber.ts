import type { RouteTableOptions } from '@sallyport/forwarding'
import type { Change, ReloadSubscriber } from '@sallyport/service-process'
import type { FastifyInstance } from 'fastify'
import { withSettingsDefaults } from './route-defaults.ts'
import type { GatewaySettings } from './settings.ts'

/** What is forwarded depends on two things that can change: the file of routes, and the limits in the settings. */
export interface ForwardingSubscribers {
  readonly routes: ReloadSubscriber<RouteTableOptions>
  readonly settings: ReloadSubscriber<GatewaySettings>
}

/** Lets what is forwarded take part in a reload of routes, and in one of settings. */
export function forwardingSubscribers(
  app: FastifyInstance,
  settings: GatewaySettings,
  table: RouteTableOptions
): ForwardingSubscribers {
  let current = { table, settings }

  /** Whichever changes, the other one is that of the moment of the switch. */
  function exchange(next: Partial<typeof current>): Change {
    const checked = { ...current, ...next }
    app.forwarding.check(withSettingsDefaults(checked.table, checked.settings))
    const last = current
    const take = (change: Partial<typeof current>): void => {
      const taken = { ...current, ...change }
      app.forwarding.replace(withSettingsDefaults(taken.table, taken.settings))
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
