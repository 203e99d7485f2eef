import { setTimeout as delay } from 'node:timers/promises'
import { availableParallelism } from 'node:os'
import { argon2id, type PasswordParameters } from '@sallyport/auth-server'
import { LOAD_PASSWORD, startRealAuthServers, type RealAuthServers } from '../support/real-auth-servers.ts'
import { areaUnderCurve, quantile, rounded } from './support/distribution.ts'
import type { Measurement } from './support/types.ts'

/** What the server's defaults are: 19 MiB, two iterations, one lane. */
const PARAMETERS: PasswordParameters = { memoryKibibytes: 19_456, iterations: 2, lanes: 1 }
const PARALLEL = 50
const ROUNDS = 3
const USERS = 250
const LOGINS_A_ROUND = 500
const HASHES = 100
const ATTEMPTS = 100

/**
 * What logins cost beside the hash: logins per second over the hashes per second of the same cores when they do nothing
 * else, measured just before; and of the CPU time that the server takes for a login, the part that is the hash. Then,
 * what others wait for the key set while logins run. Last, whether the time of the answer tells an unknown user from a
 * wrong password.
 */
export const measurement: Measurement = async log => {
  const servers = await startRealAuthServers(1)
  try {
    await servers.createUsers(USERS)
    await manyLogins(servers, LOGINS_A_ROUND)
    const rounds: Array<{ alone: Hashing; together: Hashing; perSecond: number; cpuShare: number }> = []
    for (let round = 0; round < ROUNDS; round++) {
      const alone = await hashes(1)
      const together = await hashes(availableParallelism())
      const cpuMs = servers.cpuMs(0)
      const perSecond = await manyLogins(servers, LOGINS_A_ROUND)
      const cpuShare = together.cpuMs / ((servers.cpuMs(0) - cpuMs) / LOGINS_A_ROUND)
      rounds.push({ alone, together, perSecond, cpuShare })
      log(`round ${round + 1}: ${rounded(perSecond)} logins/s, ${rounded(together.perSecond)} hashes/s`)
    }
    const keySetMs = await keySetDuringLogins(servers)
    const { wrong, unknown } = await refusals(servers)
    const middle = (of: (round: (typeof rounds)[number]) => number): number => quantile(rounds.map(of), 0.5)
    const share = (value: number): number => Math.round(value * 100) / 100
    return {
      values: {
        'hashes per second, one at a time': rounded(middle(({ alone }) => alone.perSecond)),
        'hashes per second, on all cores': rounded(middle(({ together }) => together.perSecond)),
        'CPU of one hash on all cores (ms)': rounded(middle(({ together }) => together.cpuMs)),
        'logins per second': rounded(middle(({ perSecond }) => perSecond)),
        'logins per second ÷ (cores × hashes per second one at a time)': share(
          middle(({ perSecond, alone }) => perSecond / (alone.perSecond * availableParallelism()))
        ),
        "of the server's CPU for a login, the hash": share(middle(({ cpuShare }) => cpuShare)),
        'GET /oauth2/jwks during 50 parallel logins: requests': keySetMs.length,
        'GET /oauth2/jwks, p50 (ms)': rounded(quantile(keySetMs, 0.5)),
        'wrong password, median (ms)': rounded(quantile(wrong, 0.5)),
        'unknown user, median (ms)': rounded(quantile(unknown, 0.5)),
        'wrong password slower than unknown user, AUC (0.5: not to be told apart)':
          Math.round(areaUnderCurve(wrong, unknown) * 1000) / 1000
      },
      goals: {
        'logins per second ÷ hashes per second on all cores': {
          value: share(middle(({ perSecond, together }) => perSecond / together.perSecond)),
          goal: 0.9,
          better: 'higher'
        },
        'GET /oauth2/jwks during 50 parallel logins, p99 (ms)': {
          value: rounded(quantile(keySetMs, 0.99)),
          goal: 100,
          better: 'lower'
        }
      }
    }
  } finally {
    await servers.close()
  }
}

/** Logs accounts in, in turn and {@link PARALLEL} at a time; logins per second. */
async function manyLogins(servers: RealAuthServers, count: number): Promise<number> {
  let next = 0
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      while (next < count) await servers.login(0, `load${next++ % USERS}`)
    })
  )
  return (count / (performance.now() - startedAt)) * 1000
}

interface Hashing {
  readonly perSecond: number
  readonly cpuMs: number
}

/** Checks of a password with nothing beside them, `parallel` at a time. */
async function hashes(parallel: number): Promise<Hashing> {
  const stored = await argon2id.hash(LOAD_PASSWORD, PARAMETERS, null)
  let left = HASHES
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      while (left-- > 0) await argon2id.verify(stored, LOAD_PASSWORD, null)
    })
  )
  const perSecond = (HASHES / (performance.now() - startedAt)) * 1000
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond, cpuMs: (user + system) / 1000 / HASHES }
}

async function keySetDuringLogins(servers: RealAuthServers): Promise<number[]> {
  const ended = new AbortController()
  const keySet = askKeySet(servers, ended.signal)
  await manyLogins(servers, LOGINS_A_ROUND)
  ended.abort()
  return await keySet
}

/** Times of requests for the key set, one each 10 ms until the end. */
async function askKeySet(servers: RealAuthServers, ended: AbortSignal): Promise<number[]> {
  const pending: Array<Promise<number>> = []
  const ask = async (): Promise<number> =>
    (
      await timesOf(1, async () => {
        await servers.get(0, '/oauth2/jwks')
      })
    )[0] ?? Number.NaN
  while (!ended.aborted) {
    // Not one after the other: a slow answer must not keep the next question back.
    pending.push(ask())
    await delay(10)
  }
  return await Promise.all(pending)
}

/** Times of refused logins, taking turns; each account fails once, so that nothing is throttled. */
async function refusals(servers: RealAuthServers): Promise<{ wrong: number[]; unknown: number[] }> {
  const attempt = async (username: string): Promise<void> => {
    const { status } = await servers.post(0, '/oauth2/token', {
      grant_type: 'password',
      username,
      password: 'not the password'
    })
    if (status !== 400) throw new Error(`a wrong login was answered ${status}`)
  }
  const wrong: number[] = []
  const unknown: number[] = []
  for (let n = 0; n < ATTEMPTS; n++) {
    wrong.push(
      ...(await timesOf(1, async () => {
        await attempt(`load${n}`)
      }))
    )
    unknown.push(
      ...(await timesOf(1, async () => {
        await attempt(`none${n}`)
      }))
    )
  }
  return { wrong, unknown }
}

async function timesOf(count: number, run: () => Promise<void>): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; n < count; n++) {
    const startedAt = performance.now()
    await run()
    times.push(performance.now() - startedAt)
  }
  return times
}
