import type { RouteTableOptions } from '@sallyport/forwarding'
import type { ReloadSubscriber } from '@sallyport/service-process'
import type { FastifyInstance } from 'fastify'
import { withSettingsDefaults } from './route-defaults.ts'
import type { GatewaySettings } from './settings.ts'

/** Lets what is forwarded take part in a reload. */
export function forwardingSubscriber(
  app: FastifyInstance,
  settings: GatewaySettings,
  first: RouteTableOptions
): ReloadSubscriber<RouteTableOptions> {
  let current = first
  return {
    name: 'forwarding',
    validate: next => {
      app.forwarding.check(withSettingsDefaults(next, settings))
      const last = current
      const take = (table: RouteTableOptions): void => {
        app.forwarding.replace(withSettingsDefaults(table, settings))
        current = table
      }
      return {
        apply: () => {
          take(next)
        },
        undo: () => {
          take(last)
        }
      }
    }
  }
}
