import type { LiveSettings } from '@sallyport/configuration'
import type { Change, ReloadSubscriber } from '@sallyport/security-context/mechanics'
import type { GatewaySettings } from './settings.ts'

const SECRETS = ['clientSecret', 'clientKey', 'sealingKeys', 'redisUrl'] as const

/**
 * Refuses new settings that add a secret or leave one out: what follows from its being there, logins and sessions, is
 * put together at the start.
 */
export function secretsPresentSubscriber(live: LiveSettings<GatewaySettings>): ReloadSubscriber<GatewaySettings> {
  return {
    name: 'secrets',
    validate: (next): Change => {
      const changed = SECRETS.filter(name => (next[name] === undefined) !== (live.current[name] === undefined))
      if (changed.length > 0) throw new Error(`${changed.join(', ')}: comes or goes with a restart only`)
      return { apply: () => {}, undo: () => {} }
    }
  }
}
