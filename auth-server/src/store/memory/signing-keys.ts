import type { SigningKeyStore } from '../contract.ts'
import type { SigningKeyRecord, SigningKeyState } from '../records.ts'
import type { RunStep, Tables } from './tables.ts'

/** Signing keys in memory. */
export function signingKeyStore({ signingKeys }: Tables, run: RunStep): SigningKeyStore {
  const refuseSecondSigner = (state: SigningKeyState): void => {
    if (state === 'signing' && signingKeys.values().some(key => key.state === 'signing')) {
      throw new Error('another key signs')
    }
  }
  return {
    list: async () =>
      await run(() =>
        signingKeys
          .values()
          .filter(({ state }) => state !== 'removed')
          .sort((a, b) => a.publishedAtMs - b.publishedAtMs)
      ),
    add: async key => {
      await run(() => {
        refuseSecondSigner(key.state)
        signingKeys.set(key.kid, key)
      })
    },
    move: async (kid, from, to, nowMs) =>
      await run(() => {
        const key = signingKeys.get(kid)
        if (key?.state !== from) return false
        refuseSecondSigner(to)
        signingKeys.set(kid, moved(key, to, nowMs))
        return true
      }),
    reseal: async (kid, privateKeySealed) => {
      await run(() => signingKeys.update(kid, key => (key.state === 'removed' ? key : { ...key, privateKeySealed })))
    },
    lock: async () => {}
  }
}

function moved(key: SigningKeyRecord, to: SigningKeyState, nowMs: number): SigningKeyRecord {
  switch (to) {
    case 'published':
      return { ...key, state: to, publishedAtMs: nowMs }
    case 'signing':
      return { ...key, state: to, signingAtMs: nowMs }
    case 'retired':
      return { ...key, state: to, retiredAtMs: nowMs }
    case 'removed':
      return { ...key, state: to, removedAtMs: nowMs, privateKeySealed: Buffer.alloc(0) }
  }
}
