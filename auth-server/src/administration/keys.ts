import { UnknownSubjectError, UnsafeKeyStepError } from '../errors.ts'
import type { Store } from '../store/contract.ts'
import type { SigningKeyRecord, SigningKeyState } from '../store/records.ts'
import type { KeyRing } from '../tokens/keys/sealing-key-ring.ts'
import { mayBeRemoved, maySign, type KeyTimes, type StepDecision } from '../tokens/keys/key-steps.ts'
import { makeSigningKey, sealingPurpose } from '../tokens/keys/make-signing-key.ts'
import type { Administration } from './administration.ts'

/** What key administration works with beside the rest. */
export interface KeyAdministration extends Administration {
  readonly ring: KeyRing
  readonly keyTimes: KeyTimes
}

/** A signing key without its private part. */
export type SigningKeySummary = Omit<SigningKeyRecord, 'privateKeySealed'>

/** What an emergency rotation costs; shown to whoever asks for one. */
export const EMERGENCY_BREAKS: readonly string[] = [
  'every token signed with the removed keys is refused, by verifiers that fetch the key set',
  'verifiers that keep a key set refuse new tokens until they fetch it again, and accept the removed keys until then',
  'users and clients have to refresh or ask anew; sessions go on'
]

/** Every key that is not removed, oldest first. */
export async function listKeys({ store }: KeyAdministration): Promise<readonly SigningKeySummary[]> {
  return (await store.signingKeys.list()).map(signingKeySummary)
}

/** Makes the next key and publishes it; it signs nothing yet. */
export async function publishKey(administration: KeyAdministration): Promise<SigningKeySummary> {
  return await takeKeyStep(administration, async trx => {
    const key = makeSigningKey(administration.ring, 'published', administration.clock())
    await trx.signingKeys.add(key)
    await recordStep(administration, trx, 'key.publish', key.kid)
    return signingKeySummary(key)
  })
}

/**
 * Lets a published key sign and retires the one before.
 * @throws {UnsafeKeyStepError} `SALLYPORT_AUTH_SERVER_KEY_STEP_UNSAFE` while a verifier may not know the key
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 */
export async function startSigning(administration: KeyAdministration, kid: string): Promise<void> {
  await takeKeyStep(administration, async (trx, keys) => {
    refuseUnsafe(maySign(requireSigningKey(keys, kid), administration.keyTimes, administration.clock()))
    for (const signing of keys.filter(({ state }) => state === 'signing')) {
      await moveKey(administration, trx, signing, 'retired')
    }
    await moveKey(administration, trx, requireSigningKey(keys, kid), 'signing')
  })
}

/**
 * Removes a key: what it signed is no longer accepted.
 * @throws {UnsafeKeyStepError} `SALLYPORT_AUTH_SERVER_KEY_STEP_UNSAFE` while a token of it may be valid
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 */
export async function removeKey(administration: KeyAdministration, kid: string): Promise<void> {
  await takeKeyStep(administration, async (trx, keys) => {
    const key = requireSigningKey(keys, kid)
    refuseUnsafe(mayBeRemoved(key, administration.keyTimes, administration.clock()))
    await moveKey(administration, trx, key, 'removed')
  })
}

/**
 * Takes every step that is safe now: a published key signs, a retired one goes. Run regularly it completes a rotation
 * that {@link publishKey} began.
 * @returns the steps taken, as `kid: state`
 */
export async function advanceKeys(administration: KeyAdministration): Promise<readonly string[]> {
  const { keyTimes, clock } = administration
  return await takeKeyStep(administration, async (trx, keys) => {
    const taken: string[] = []
    const next = keys.find(key => maySign(key, keyTimes, clock()).safe)
    if (next !== undefined) {
      for (const signing of keys.filter(({ state }) => state === 'signing')) {
        await moveKey(administration, trx, signing, 'retired')
        taken.push(`${signing.kid}: retired`)
      }
      await moveKey(administration, trx, next, 'signing')
      taken.push(`${next.kid}: signing`)
    }
    for (const key of keys.filter(key => key.state === 'retired' && mayBeRemoved(key, keyTimes, clock()).safe)) {
      await moveKey(administration, trx, key, 'removed')
      taken.push(`${key.kid}: removed`)
    }
    if (taken.length === 0) {
      await administration.audit(trx, { action: 'key.advance', outcome: 'success', reason: 'nothing-due' })
    }
    return taken
  })
}

/**
 * For a stolen key: a new key signs at once and all others are removed.
 * @returns the new key's id and what this breaks
 */
export async function rotateInEmergency(
  administration: KeyAdministration
): Promise<{ readonly kid: string; readonly breaks: readonly string[] }> {
  return await takeKeyStep(administration, async (trx, keys) => {
    for (const key of keys) await moveKey(administration, trx, key, 'removed')
    const key = makeSigningKey(administration.ring, 'signing', administration.clock())
    await trx.signingKeys.add(key)
    await recordStep(administration, trx, 'key.emergency-rotation', key.kid)
    return { kid: key.kid, breaks: EMERGENCY_BREAKS }
  })
}

/** Seals every private key under the newest key of the ring, after which the older ones can leave it. */
export async function resealKeys(administration: KeyAdministration): Promise<number> {
  const { ring } = administration
  return await takeKeyStep(administration, async (trx, keys) => {
    const outdated = keys.filter(({ privateKeySealed }) => ring.isOutdated(privateKeySealed))
    for (const { kid, privateKeySealed } of outdated) {
      await trx.signingKeys.reseal(
        kid,
        ring.seal(sealingPurpose(kid), ring.unseal(sealingPurpose(kid), privateKeySealed))
      )
    }
    await administration.audit(trx, { action: 'key.reseal', outcome: 'success', detail: { count: outdated.length } })
    return outdated.length
  })
}

/** One step at a time over all instances. */
async function takeKeyStep<T>(
  { store }: KeyAdministration,
  take: (trx: Store, keys: readonly SigningKeyRecord[]) => Promise<T>
): Promise<T> {
  return await store.transaction(async trx => {
    await trx.signingKeys.lock()
    return await take(trx, await trx.signingKeys.list())
  })
}

async function moveKey(
  administration: KeyAdministration,
  trx: Store,
  key: SigningKeyRecord,
  to: SigningKeyState
): Promise<void> {
  if (!(await trx.signingKeys.move(key.kid, key.state, to, administration.clock()))) {
    throw new UnsafeKeyStepError(`key ${key.kid} is not ${key.state} any more`)
  }
  await recordStep(administration, trx, `key.${to}`, key.kid)
}

async function recordStep(administration: KeyAdministration, trx: Store, action: string, kid: string): Promise<void> {
  await administration.audit(trx, { action, outcome: 'success', resource: { type: 'signing-key', id: kid } })
}

function requireSigningKey(keys: readonly SigningKeyRecord[], kid: string): SigningKeyRecord {
  const key = keys.find(candidate => candidate.kid === kid)
  if (key === undefined) throw new UnknownSubjectError('signing key', kid)
  return key
}

function refuseUnsafe(decision: StepDecision): void {
  if (!decision.safe) throw new UnsafeKeyStepError(decision.reason)
}

function signingKeySummary({ privateKeySealed: _sealed, ...summary }: SigningKeyRecord): SigningKeySummary {
  return summary
}
