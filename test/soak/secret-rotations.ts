import { readStack, startOwnStack } from '@sallyport/local'
import { rotateSecrets } from '../support/rotate-secrets.ts'
import { startSecretLoad } from '../support/secret-load.ts'
import type { Soak } from './types.ts'

const ROUNDS = 10

/** Every secret of the stack is rotated again and again while all that needs them goes on. */
export const secretRotations: Soak = async log => {
  const own = await startOwnStack()
  try {
    const stack = readStack(own.localJson)
    const load = await startSecretLoad(own, stack)
    const portBase = Number(new URL(stack.gateway).port)
    const replaced: string[] = []
    for (let round = 1; round <= ROUNDS && load.failures.length === 0; round++) {
      const { printed } = await rotateSecrets(own, { portBase, beforeRemoval: load.logInAgain, round })
      replaced.push(...printed)
      log(`round ${round}`)
    }
    await load.stop()
    const refused = replaced.filter(settings => !settings.endsWith('"refused":0}'))
    return {
      counts: { rounds: ROUNDS, replaced: replaced.length, ...load.served },
      broken: [...load.failures, ...refused.map(settings => `a secret was refused: ${settings}`)]
    }
  } finally {
    await own.stop()
  }
}
