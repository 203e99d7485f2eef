import { deflate } from 'node:zlib'
import { promisify } from 'node:util'
import type { Clock } from '@sallyport/security-context/mechanics'
import { secondsOf } from '../../seconds.ts'
import type { Store } from '../../store/contract.ts'
import type { StatusList } from '../../store/records.ts'
import type { SigningKeys } from '../keys/follow-signing-keys.ts'
import { signJwt } from '../sign-jwt.ts'
import type { StatusListUris } from './status-list-uris.ts'

/** A status list as published. */
export interface PublishedStatusList {
  /** `statuslist+jwt` in compact form. */
  readonly token: string
  /** Weak: two instances sign the same list with different bytes. */
  readonly entityTag: string
}

/** The current token of a list, `null` for an unknown list. Rejects when the database gives no answer. */
export type PublishStatusList = (listId: string) => Promise<PublishedStatusList | null>

/** Collaborators and times of {@link statusListPublisher}. */
export interface StatusListPublisherOptions {
  readonly issuer: string
  readonly store: Store
  readonly keys: SigningKeys
  readonly uris: StatusListUris
  readonly clock: Clock
  /** How long this instance believes what it read, in ms: the bound from a commit to its publication. */
  readonly freshnessMs: number
  /** `ttl`: how long a verifier waits before it asks again. */
  readonly ttlSeconds: number
  /** `exp`: how long a verifier without contact still believes the list. */
  readonly lifetimeSeconds: number
}

/** A list that is asked for and not among them costs one signature; the live ones of a busy deployment are fewer. */
const MOST_SIGNED = 1000

interface Signed extends PublishedStatusList {
  readonly version: number
  readonly period: number
  readonly keyId: string
  checkedAtMs: number
}

const compress = promisify(deflate)

/**
 * Publishes status lists: signed once per version, and again before the token grows old or the signing key changes.
 * @see draft-ietf-oauth-status-list, "Status List Token in JWT Format"
 */
export function statusListPublisher(options: StatusListPublisherOptions): PublishStatusList {
  const signed = new Map<string, Signed>()
  const running = new Map<string, Promise<Signed | null>>()

  const refresh = async (listId: string): Promise<Signed | null> => {
    const atMs = options.clock()
    const period = Math.floor(secondsOf(atMs) / (options.lifetimeSeconds / 2))
    const [version, signer] = await Promise.all([options.store.statusLists.version(listId), options.keys.signer()])
    const known = signed.get(listId)
    if (known !== undefined && known.version === version && known.period === period && known.keyId === signer.kid) {
      known.checkedAtMs = atMs
      return known
    }
    const list = version === null ? null : await options.store.statusLists.read(listId)
    signed.delete(listId)
    if (list === null) return null
    const token = signJwt(signer, 'statuslist+jwt', await statusListClaims(options, list, secondsOf(atMs)))
    const result = {
      token,
      entityTag: `W/"${list.version}.${period}.${signer.kid}"`,
      version: list.version,
      period,
      keyId: signer.kid,
      checkedAtMs: atMs
    }
    // Removed and set again: the map is in the order of signing, and what was signed longest ago goes first.
    signed.set(listId, result)
    const [oldest] = signed.keys()
    if (oldest !== undefined && signed.size > MOST_SIGNED) signed.delete(oldest)
    return result
  }

  return async function publishStatusList(listId) {
    const known = signed.get(listId)
    if (known !== undefined && options.clock() - known.checkedAtMs < options.freshnessMs) return known
    const started =
      running.get(listId) ??
      refresh(listId).finally(() => {
        running.delete(listId)
      })
    running.set(listId, started)
    return await started
  }
}

async function statusListClaims(
  options: StatusListPublisherOptions,
  list: StatusList,
  nowSeconds: number
): Promise<object> {
  const compressed = await compress(list.bits, { level: 9 })
  return {
    iss: options.issuer,
    sub: options.uris.uriOf(list.id),
    iat: nowSeconds,
    exp: nowSeconds + options.lifetimeSeconds,
    ttl: options.ttlSeconds,
    status_list: { bits: 1, lst: compressed.toString('base64url') }
  }
}
