import type { SignInStore } from '../contract.ts'
import type { SignIn, UserSignIn } from '../records.ts'
import { hashKey } from './table.ts'
import { userAsItCounts, type RunStep, type Tables } from './tables.ts'

/** Sign-ins in memory. */
export function signInStore(tables: Tables, run: RunStep): SignInStore {
  const { signIns, signInSecrets } = tables
  const withUser = (signIn: SignIn | undefined): UserSignIn | null => {
    const user = userAsItCounts(tables, signIn?.userId)
    return signIn === undefined || user === null ? null : { signIn, user }
  }
  const forgetSecretOf = (id: string): void => {
    for (const [key, of] of signInSecrets.entries()) if (of === id) signInSecrets.delete(key)
  }
  return {
    create: async (signIn, secretHash) => {
      await run(() => {
        signIns.set(signIn.id, signIn)
        signInSecrets.set(hashKey(secretHash), signIn.id)
      })
    },
    findBySecret: async secretHash =>
      await run(() => withUser(signIns.get(signInSecrets.get(hashKey(secretHash)) ?? ''))),
    renew: async (signIn, secretHash) =>
      await run(() => {
        const known = signIns.get(signIn.id)
        if (known === undefined || known.userId !== signIn.userId || known.endedAtMs !== null) return false
        forgetSecretOf(signIn.id)
        signInSecrets.set(hashKey(secretHash), signIn.id)
        signIns.set(signIn.id, signIn)
        return true
      }),
    lockLive: async id =>
      await run(() => {
        const signIn = signIns.get(id)
        return signIn?.endedAtMs === null ? withUser(signIn) : null
      }),
    touch: async (id, lastUsedAtMs, idleExpiresAtMs) => {
      await run(() => signIns.update(id, signIn => ({ ...signIn, lastUsedAtMs, idleExpiresAtMs })))
    },
    end: async (selector, nowMs) =>
      await run(() => {
        const live = signIns
          .values()
          .filter(
            ({ id, userId, endedAtMs }) =>
              endedAtMs === null &&
              ('all' in selector ||
                ('id' in selector ? id === selector.id : userId === selector.userId && id !== selector.keptId))
          )
        for (const signIn of live) signIns.set(signIn.id, { ...signIn, endedAtMs: nowMs })
        return live.map(({ id }) => id)
      })
  }
}
