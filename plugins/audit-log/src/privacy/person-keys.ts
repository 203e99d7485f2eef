import { randomUUID } from 'node:crypto'
import type { MonotonicClock, RingKey } from '@sallyport/security-context/mechanics'
import { LRUCache } from 'lru-cache'
import { insertKeys, readOwnerKeys, type KeyOwner, type KeyStatements, type OwnerRow } from './key-rows.ts'
import { makeKey, openKey, type OpenKey, type StoredKey } from './wrap-key.ts'

/** The key that seals for somebody now. */
export interface PersonKey extends OpenKey {
  /** What happened until then is erased and is not sealed again; in the form of records. */
  readonly erasedAt: string | null
}

/** Settings of {@link createPersonKeys}. */
export interface PersonKeyOptions {
  /** Wraps keys, the newest first; empty: keys stand in the table as they are. */
  readonly ring: readonly RingKey[]
  /** How long after its day the key of a day is kept, in ms. */
  readonly dayKeysKeptMs: number
  /** How long a key is used without a look at the table, in ms. */
  readonly cacheMs: number
  readonly maxCachedKeys: number
  readonly monotonicClock: MonotonicClock
}

/** Keys of persons and days, made at their first use. */
export interface PersonKeys {
  /** The key of an owner, when it needs no look at the table. */
  readonly cached: (owner: KeyOwner) => PersonKey | null
  /** Reads the keys of these owners, and makes those that are missing. */
  readonly load: (statements: KeyStatements, owners: readonly KeyOwner[]) => Promise<ReadonlyMap<string, PersonKey>>
  /** The next use looks at the table: the key was destroyed. */
  readonly forget: (keyId: string) => void
}

/** What an owner is known by in maps. */
export function ownerName({ subject, issuer, day }: KeyOwner): string {
  // No text of a record has a NUL.
  return subject === null ? `day ${day}` : `subject ${issuer ?? ''}\0${subject}`
}

const KEY_DAY_MS = 86_400_000

/**
 * Makes the keys. Every process takes the oldest key of an owner that it can open, and makes one where there is none:
 * two at the same time make two, which is harmless, since they are destroyed together. A key that a transaction made
 * and may take back is not cached.
 */
export function createPersonKeys(options: PersonKeyOptions): PersonKeys {
  const { ring, dayKeysKeptMs, cacheMs, maxCachedKeys, monotonicClock } = options
  const cache = new LRUCache<string, PersonKey>({ max: maxCachedKeys, ttl: cacheMs, perf: { now: monotonicClock } })

  function openOldest(rows: readonly OwnerRow[]): { readonly key: PersonKey; readonly committed: boolean } | null {
    for (const { id, wrappedBy, wrapped, committed, erasedAt } of rows) {
      const open = id === null || wrapped === null ? null : openKey({ id, wrappedBy, wrapped }, ring)
      if (open !== null) return { key: { ...open, erasedAt }, committed }
      // Whoever seals without the ring would write what nobody protects.
      if (wrappedBy !== null && ring.length === 0) {
        throw new Error('the keys of this trail are wrapped: give privacy.keys')
      }
    }
    return null
  }

  async function makeMissing(
    statements: KeyStatements,
    owners: readonly (KeyOwner & { readonly erasedAt: string | null })[]
  ): Promise<[KeyOwner, PersonKey][]> {
    const made = owners.map(owner => ({ owner, ...makeKey(randomUUID(), ring) }))
    await insertKeys(
      statements,
      made.map(({ owner: { subject, issuer, day }, stored }) => storedFor({ subject, issuer, day }, stored))
    )
    return made.map(({ owner, open }) => [owner, { ...open, erasedAt: owner.erasedAt }])
  }

  function storedFor(owner: KeyOwner, stored: StoredKey): StoredKey & KeyOwner & { readonly expiresAt: Date | null } {
    const expiresAt = owner.day === null ? null : new Date(Date.parse(owner.day) + KEY_DAY_MS + dayKeysKeptMs)
    return { ...stored, ...owner, expiresAt }
  }

  async function load(statements: KeyStatements, owners: readonly KeyOwner[]): Promise<ReadonlyMap<string, PersonKey>> {
    const rows = Map.groupBy(await readOwnerKeys(statements, owners), ownerName)
    const found = new Map<string, PersonKey>()
    const missing: (KeyOwner & { readonly erasedAt: string | null })[] = []
    for (const owner of owners) {
      const own = rows.get(ownerName(owner)) ?? []
      const oldest = openOldest(own)
      if (oldest === null) missing.push({ ...owner, erasedAt: own[0]?.erasedAt ?? null })
      else found.set(ownerName(owner), oldest.key)
      if (oldest?.committed === true) cache.set(ownerName(owner), oldest.key)
    }
    const made = missing.length === 0 ? [] : await makeMissing(statements, missing)
    for (const [owner, key] of made) {
      found.set(ownerName(owner), key)
      if (!statements.isTransaction) cache.set(ownerName(owner), key)
    }
    return found
  }

  return {
    cached: owner => cache.get(ownerName(owner)) ?? null,
    load,
    forget: keyId => {
      for (const [name, key] of cache.entries()) if (key.id === keyId) cache.delete(name)
    }
  }
}
