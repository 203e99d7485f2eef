import type { LiveSettings } from '@sallyport/configuration'
import { oncePerValue, type Change, type ReloadSubscriber } from '@sallyport/security-context/mechanics'
import { parsePepperRing, type PepperRing, type PepperSettings } from './accounts/passwords/pepper-ring.ts'
import type { AuthServerSettings } from './settings.ts'
import type { Store } from './store/contract.ts'
import { sealingPurpose } from './tokens/keys/make-signing-key.ts'
import { parseKeyRing, type KeyRing } from './tokens/keys/sealing-key-ring.ts'

/** The secrets of the server that may change while it runs. */
export type SecretSettings = PepperSettings & Pick<AuthServerSettings, 'sealingKeys'>

/** A key ring that is always that of the settings of the moment. */
export function liveKeyRing(sealingKeys: () => string): KeyRing {
  const ring = oncePerValue(sealingKeys, parseKeyRing)
  // A mistake is told at the start, and not at the first use.
  ring()
  return {
    seal: (purpose, plaintext) => ring().seal(purpose, plaintext),
    unseal: (purpose, sealed) => ring().unseal(purpose, sealed),
    derive: purpose => ring().derive(purpose),
    isOutdated: sealed => ring().isOutdated(sealed)
  }
}

/** Peppers that are always those of the settings of the moment. */
export function livePepperRing(peppers: () => PepperSettings): PepperRing {
  const ring = oncePerValue(peppers, parsePepperRing)
  ring()
  return {
    get newest() {
      return ring().newest
    },
    get unnamed() {
      return ring().unnamed
    },
    find: id => ring().find(id)
  }
}

/**
 * Refuses new settings that leave out a key which is still in use: a signing key is sealed with it, or password hashes
 * were made with the pepper. A restart takes them nevertheless.
 */
export function usedSecretsSubscriber(
  live: LiveSettings<AuthServerSettings>,
  store: Store
): ReloadSubscriber<AuthServerSettings> {
  return {
    name: 'secrets in use',
    validate: async (next): Promise<Change> => {
      const { current } = live
      if (next.sealingKeys !== current.sealingKeys) await refuseUnreadableKeys(store, next.sealingKeys)
      if (pepperText(next) !== pepperText(current)) {
        await refuseLostPeppers(store, parsePepperRing(current), parsePepperRing(next))
      }
      return { apply: () => {}, undo: () => {} }
    }
  }
}

async function refuseUnreadableKeys({ signingKeys }: Store, sealingKeys: string): Promise<void> {
  const ring = parseKeyRing(sealingKeys)
  for (const { kid, privateKeySealed } of await signingKeys.list()) {
    try {
      ring.unseal(sealingPurpose(kid), privateKeySealed)
    } catch (cause) {
      throw new Error(`sealingKeys: signing key ${kid} is sealed with a key that is left out: run keys reseal first`, {
        cause
      })
    }
  }
}

async function refuseLostPeppers({ connection }: Store, before: PepperRing, after: PepperRing): Promise<void> {
  if (connection === null) return
  const used: Array<{ id: string | null }> = await connection('users')
    .distinct(connection.raw("substring(password_hash from '[$,]keyid=([A-Za-z0-9_-]+)') as id"))
    .whereNotNull('password_hash')
  // A hash that names no pepper may have been made with the one that has no id.
  const ids = used.map(({ id }) => id ?? before.unnamed?.id ?? '')
  const lost = ids.filter(id => before.find(id) !== null && after.find(id) === null)
  if (lost.length > 0) throw new Error(`passwordPeppers: there are hashes with ${lost.join(', ')}, which is left out`)
}

function pepperText({ passwordPeppers = '', passwordPepper = '' }: PepperSettings): string {
  return JSON.stringify([passwordPeppers, passwordPepper])
}
