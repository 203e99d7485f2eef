import { setTimeout as delay } from 'node:timers/promises'
import { createIssuer } from '@sallyport/testing'
import type { Drill } from '../types.ts'
import { waitFor } from '../wait-for.ts'
import { COOLDOWN_MS, keySetOf, startVerifyingApp, type KeySetAnswer } from '../verifying-app.ts'

const HUGE_BYTES = 1024 * 1024

/**
 * The address of an issuer's keys answers nonsense, too much, errors, or keys of somebody else: tokens with known keys
 * are accepted all the while, those with new ones are refused until the keys are there, and nothing else is accepted.
 */
export const garbageKeys: Drill = async ({ log }) => {
  const app = await startVerifyingApp()
  const stranger = createIssuer({ issuer: app.issuer.issuer, audience: 'drilled-service', revocable: false })
  const nonsense: Readonly<Record<string, KeySetAnswer>> = {
    'no JSON': { body: '<html>' },
    'half of a document': { body: (await keySetOf(app.issuer)).slice(0, 40) },
    'no key set': { body: '{"keys":7}' },
    huge: { body: JSON.stringify({ keys: [], padding: 'x'.repeat(HUGE_BYTES) }) },
    'an error': { status: 500, body: '{}' }
  }
  /** What is well-formed is the issuer's word: keys that are not in it are withdrawn. */
  const others: Readonly<Record<string, KeySetAnswer>> = {
    'no keys': { body: '{"keys":[]}' },
    'keys of somebody else': { body: await keySetOf(stranger) }
  }
  const saw: Record<string, number> = {}
  const lost: string[] = []
  let slowestMs = 0
  const expect = async (what: string, token: string, wanted: string): Promise<void> => {
    const answer = await app.ask(token)
    saw[answer] = (saw[answer] ?? 0) + 1
    if (answer !== wanted) lost.push(`${what} was ${answer}, not ${wanted}`)
  }
  try {
    for (const [kind, answer] of Object.entries({ ...nonsense, ...others })) {
      const known = app.issuer.token()
      await expect('a token before', known, '200')
      app.answerKeysWith(answer)
      app.issuer.rotateKeys()
      const fresh = app.issuer.token()
      await delay(COOLDOWN_MS)
      const isNonsense = kind in nonsense
      await expect(`${kind}: a new key`, fresh, isNonsense ? UNAVAILABLE : REFUSED)
      await expect(`${kind}: a known key`, known, isNonsense ? '200' : REFUSED)
      app.answerKeysWith(null)
      slowestMs = Math.max(slowestMs, await waitFor('the new key', async () => (await app.ask(fresh)) === '200'))
      await expect(`${kind}: the known key afterwards`, known, '200')
      await expect(`${kind}: a token of somebody else`, stranger.token(), REFUSED)
      log(kind)
    }
  } finally {
    await app.close()
  }
  return { saw, figures: { 'accepted again after, ms': slowestMs }, lost }
}

const UNAVAILABLE = '503 SALLYPORT_AUTHENTICATION_KEYS_UNAVAILABLE'
const REFUSED = '401 SALLYPORT_AUTHENTICATION_TOKEN_INVALID'
