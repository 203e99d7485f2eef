import { setTimeout as delay } from 'node:timers/promises'
import { availableParallelism } from 'node:os'
import { argon2id, type PasswordParameters } from '@sallyport/auth-server'
import { LOAD_PASSWORD, startRealAuthServers, type RealAuthServers } from '../support/real-auth-servers.ts'
import { areaUnderCurve, quantile, rounded } from './harness/distribution.ts'
import type { Measurement } from './harness/types.ts'

/** What the server's defaults are: 19 MiB, two iterations, one lane. */
const PARAMETERS: PasswordParameters = { memoryKibibytes: 19_456, iterations: 2, lanes: 1 }
const PARALLEL = 50
const ROUNDS = 3
const LOGINS_A_ROUND = 250
const HASHES = 60
const ATTEMPTS = 100

/**
 * What logins cost beside the hash: logins per second over what all cores would do if they only hashed, each account once, so
 * that no throttle slows them. While they run, what others wait for the key set. The hash alone is measured before each round.
 * Last, whether the time of the answer tells an unknown user from a wrong password.
 */
export const measurement: Measurement = async log => {
  const servers = await startRealAuthServers(1)
  try {
    await servers.createUsers(LOGINS_A_ROUND)
    await manyLogins(servers, PARALLEL)
    const rounds = []
    for (let round = 0; round < ROUNDS; round++) {
      const hashMs = await hashAlone()
      const ended = new AbortController()
      const keySet = askKeySet(servers, ended.signal)
      const perSecond = await manyLogins(servers, LOGINS_A_ROUND)
      ended.abort()
      rounds.push({ hashMs, perSecond, share: perSecond / (availableParallelism() * 1000 / hashMs), keySetMs: await keySet })
      log(`round ${round + 1}: ${rounded(perSecond)} logins/s, one hash ${rounded(hashMs)} ms`)
    }
    const { wrong, unknown } = await refusals(servers)
    const keySetMs = rounds.flatMap(round => round.keySetMs)
    return {
      values: {
        'one hash alone (ms, median)': rounded(quantile(rounds.map(({ hashMs }) => hashMs), 0.5)),
        'logins per second (median of rounds)': rounded(quantile(rounds.map(({ perSecond }) => perSecond), 0.5)),
        'GET /oauth2/jwks during 50 parallel logins: requests': keySetMs.length,
        'GET /oauth2/jwks, p50 (ms)': rounded(quantile(keySetMs, 0.5)),
        'wrong password, median (ms)': rounded(quantile(wrong, 0.5)),
        'unknown user, median (ms)': rounded(quantile(unknown, 0.5)),
        'wrong password slower than unknown user, AUC (0.5: not to be told apart)': Math.round(areaUnderCurve(wrong, unknown) * 1000) / 1000
      },
      goals: {
        'logins per second ÷ (cores ÷ one hash), median of rounds': { value: Math.round(quantile(rounds.map(({ share }) => share), 0.5) * 100) / 100, goal: 0.9, better: 'higher' },
        'GET /oauth2/jwks during 50 parallel logins, p99 (ms)': { value: rounded(quantile(keySetMs, 0.99)), goal: 100, better: 'lower' }
      }
    }
  } finally {
    await servers.close()
  }
}

/** Logs `count` accounts in, each once, {@link PARALLEL} at a time; logins per second. */
async function manyLogins (servers: RealAuthServers, count: number): Promise<number> {
  let next = 0
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: PARALLEL }, async () => {
    while (next < count) await servers.login(0, `load${next++}`)
  }))
  return count / (performance.now() - startedAt) * 1000
}

/** The median time of a check of a password, one at a time with nothing beside it, in ms. */
async function hashAlone (): Promise<number> {
  const stored = await argon2id.hash(LOAD_PASSWORD, PARAMETERS, null)
  return quantile(await timesOf(HASHES, async () => { await argon2id.verify(stored, LOAD_PASSWORD, null) }), 0.5)
}

/** Times of requests for the key set, one each 10 ms until the end. */
async function askKeySet (servers: RealAuthServers, ended: AbortSignal): Promise<number[]> {
  const pending: Array<Promise<number>> = []
  const ask = async (): Promise<number> => (await timesOf(1, async () => { await servers.get(0, '/oauth2/jwks') }))[0] ?? Number.NaN
  while (!ended.aborted) {
    // Not one after the other: a slow answer must not keep the next question back.
    pending.push(ask())
    await delay(10)
  }
  return await Promise.all(pending)
}

/** Times of refused logins, taking turns; each account fails once, so that nothing is throttled. */
async function refusals (servers: RealAuthServers): Promise<{ wrong: number[], unknown: number[] }> {
  const attempt = async (username: string): Promise<void> => {
    const { status } = await servers.post(0, '/oauth2/token', { grant_type: 'password', username, password: 'not the password' })
    if (status !== 400) throw new Error(`a wrong login was answered ${status}`)
  }
  const wrong: number[] = []
  const unknown: number[] = []
  for (let n = 0; n < ATTEMPTS; n++) {
    wrong.push(...await timesOf(1, async () => { await attempt(`load${n}`) }))
    unknown.push(...await timesOf(1, async () => { await attempt(`none${n}`) }))
  }
  return { wrong, unknown }
}

async function timesOf (count: number, run: () => Promise<void>): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; n < count; n++) {
    const startedAt = performance.now()
    await run()
    times.push(performance.now() - startedAt)
  }
  return times
}
