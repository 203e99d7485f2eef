import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { Clock } from '@sallyport/security-context/mechanics'
import { NoSigningKeyError } from '../../errors.ts'
import type { Store } from '../../store/contract.ts'
import type { SigningKeyRecord } from '../../store/records.ts'
import type { KeyRing } from './sealing-key-ring.ts'
import { makeSigningKey, sealingPurpose } from './make-signing-key.ts'

/** A key in use: one key, one algorithm. */
export interface LoadedKey {
  readonly kid: string
  readonly algorithm: string
  readonly publicKey: KeyObject
  readonly publicJwk: Readonly<Record<string, string>>
}

/** The key that signs now. */
export interface Signer {
  readonly kid: string
  readonly algorithm: string
  readonly privateKey: KeyObject
}

/** The signing keys as this instance knows them; it follows the database within `freshnessMs`. */
export interface SigningKeys {
  /** @throws {NoSigningKeyError} `SALLYPORT_AUTH_SERVER_SIGNING_KEY_MISSING` */
  signer: () => Promise<Signer>
  /** Every key whose signatures count: published, signing and retired. */
  published: () => Promise<readonly LoadedKey[]>
  /** What was loaded last, without asking. */
  known: () => ReadonlyMap<string, LoadedKey>
  /** Age of what is known, in ms; `null` before the first loadSigningKeys. */
  ageMs: () => number | null
  /** Makes the next question load the keys again, after a change by this instance. */
  forget: () => void
}

interface Loaded {
  readonly atMs: number
  readonly signer: Signer | null
  readonly keys: ReadonlyMap<string, LoadedKey>
}

/** Collaborators and times of {@link createSigningKeys}. */
export interface SigningKeysOptions {
  readonly store: Store
  readonly ring: KeyRing
  readonly clock: Clock
  /** For how long an answer of the database is believed, in ms. */
  readonly freshnessMs: number
}

/** Follows the signing keys of the database; makes the first one when there is none. */
export function createSigningKeys(options: SigningKeysOptions): SigningKeys {
  const { clock, freshnessMs } = options
  let loaded: Loaded | null = null
  let loading: Promise<Loaded> | null = null

  const current = async (): Promise<Loaded> => {
    if (loaded !== null && clock() - loaded.atMs < freshnessMs) return loaded
    loading ??= loadSigningKeys(options)
      .then(result => {
        loaded = result
        return result
      })
      .finally(() => {
        loading = null
      })
    return await loading
  }

  return {
    signer: async () => {
      const { signer } = await current()
      if (signer === null) throw new NoSigningKeyError()
      return signer
    },
    published: async () => [...(await current()).keys.values()],
    known: () => loaded?.keys ?? new Map(),
    ageMs: () => (loaded === null ? null : clock() - loaded.atMs),
    forget: () => {
      loaded = null
    }
  }
}

async function loadSigningKeys(options: SigningKeysOptions): Promise<Loaded> {
  const { store, ring, clock } = options
  const atMs = clock()
  let records = await store.signingKeys.list()
  if (!records.some(({ state }) => state === 'signing')) {
    await makeFirstKey(options)
    records = await store.signingKeys.list()
  }
  const keys = new Map(records.map(record => [record.kid, loadedKey(record)]))
  const signing = records.find(({ state }) => state === 'signing')
  return { atMs, keys, signer: signing === undefined ? null : unsealSigner(signing, ring) }
}

/** When no key signs, nobody is better off waiting for one: it signs at once. */
async function makeFirstKey({ store, ring, clock }: SigningKeysOptions): Promise<void> {
  await store.transaction(async trx => {
    await trx.signingKeys.lock()
    const keys = await trx.signingKeys.list()
    if (!keys.some(({ state }) => state === 'signing')) {
      await trx.signingKeys.add(makeSigningKey(ring, 'signing', clock()))
    }
  })
}

function loadedKey({ kid, algorithm, publicJwk }: SigningKeyRecord): LoadedKey {
  return { kid, algorithm, publicJwk, publicKey: createPublicKey({ format: 'jwk', key: { ...publicJwk } }) }
}

function unsealSigner({ kid, algorithm, privateKeySealed }: SigningKeyRecord, ring: KeyRing): Signer {
  const key = ring.unseal(sealingPurpose(kid), privateKeySealed)
  return { kid, algorithm, privateKey: createPrivateKey({ key, format: 'der', type: 'pkcs8' }) }
}
