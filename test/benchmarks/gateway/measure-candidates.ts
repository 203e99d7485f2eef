import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '@sallyport/local'
import { migrate } from '@sallyport/reference-gateway'
import { makeAuthority } from '@sallyport/testing/certificates'
import { startIssuer } from '@sallyport/testing'
import knex from 'knex'
import { freePort } from '../../support/free-port.ts'
import { writeCallers } from './callers.ts'
import type { GatewayCandidate, GatewayGoal } from './candidates.ts'
import { upstreamCommand } from './native-servers.ts'
import { cpuMicrosOf, memoryOf } from './process-cost.ts'
import { runWrk } from './run-wrk.ts'
import { startCandidate, startProgram, type StartedCandidate, type Surroundings } from './start-candidate.ts'
import { quantile, rounded } from '../support/distribution.ts'
import type { Measured, MeasurementOptions } from '../support/types.ts'

const AUDIENCE = 'sallyport-gateway'
const GATEWAY_CPU = 0
const LOAD_CPU = 1
const ROUNDS = 7
const SECONDS = 4
/** A just-in-time compiler is done only after tens of thousands of requests; on a busy machine they take a while. */
const WARM_UP_REQUESTS = 20_000
const WARM_UP_RUN_SECONDS = 2
const LONGEST_WARM_UP_RUNS = 5

interface Sample {
  /** µs per completed request. */
  readonly cpu: number
  readonly rate: number
  /** MB. */
  readonly rss: number
  readonly pss: number
}

/** Candidates, and what their ratios should be. */
export interface CandidateComparison {
  readonly candidates: readonly GatewayCandidate[]
  readonly goals: readonly GatewayGoal[]
}

/** Measures candidates in interleaved rounds: what `gateway.bench.ts` says. */
export async function measureCandidates(
  comparison: CandidateComparison,
  log: (line: string) => void,
  { rounds = ROUNDS, seconds = SECONDS, only, profiles }: MeasurementOptions
): Promise<Measured> {
  const missing = ['wrk', 'nginx', 'taskset'].filter(program => !isInstalledProgram(program))
  if (missing.length > 0 || availableParallelism() < 2) {
    log(
      `nothing is measured: it needs two CPUs and ${missing.join(', ') || 'all programs'} (Debian: apt install wrk nginx)`
    )
    return { values: {}, goals: {} }
  }
  execFileSync('taskset', ['-pc', String(LOAD_CPU), String(process.pid)], { stdio: 'ignore' })
  const ends: Array<() => Promise<void>> = []
  async function endAll(): Promise<void> {
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end()
  }
  function exitWhenEnded(): void {
    endAll().finally(() => process.exit(1))
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, exitWhenEnded)
  try {
    const around = await surroundings(ends, profiles ?? null)
    const running: StartedCandidate[] = []
    for (const candidate of wanted(comparison.candidates, only, log)) {
      const started = await startCandidate(candidate, around)
      ends.push(started.stop)
      await checkAnswers(candidate, started)
      running.push(started)
    }
    const samples = await measureInRounds(running, { rounds, seconds, log })
    return report(samples, comparison.goals, rounds)
  } finally {
    await endAll()
  }
}

function wanted(
  candidates: readonly GatewayCandidate[],
  only: string | undefined,
  log: (line: string) => void
): GatewayCandidate[] {
  const names = only === undefined ? null : only.split(';').map(name => name.trim())
  return candidates.filter(({ name, server }) => {
    if (names !== null && !names.includes(name)) return false
    if (server !== 'haproxy' || isInstalledProgram('haproxy')) return true
    log(`left out: ${name} (haproxy is not installed)`)
    return false
  })
}

async function surroundings(ends: Array<() => Promise<void>>, profiles: string | null): Promise<Surroundings> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  ends.push(async () => {
    rmSync(directory, { recursive: true, force: true })
  })
  const issuer = await startIssuer(
    {
      after: (end: () => unknown) => {
        ends.push(async () => {
          await end()
        })
      }
    },
    { audience: AUDIENCE, accessSeconds: 7200, clients: { gateway: 'secret-of-the-benchmark' } }
  )
  const authority = await makeAuthority()
  const { certificate, privateKey } = await authority.issue({ names: ['localhost', '127.0.0.1'] })
  const ca = `${issuer.ca}\n${authority.certificate}`
  writeFileSync(join(directory, 'ca.pem'), ca)
  const [plain, tls] = [await freePort(), await freePort()]
  const upstream = await startProgram(
    upstreamCommand(directory, { plain, tls, certificate, key: privateKey }),
    LOAD_CPU,
    plain
  )
  ends.push(upstream.stop)
  if (profiles !== null) mkdirSync(profiles, { recursive: true })
  const callers = writeCallers(directory, issuer, AUDIENCE)
  const publicKey = await issuerKey(issuer.keys, callers.known)
  const { issuer: name, jwksUri, statusLists } = issuer
  return {
    directory,
    facts: {
      ca,
      issuer: name,
      audience: AUDIENCE,
      jwksUri,
      statusLists,
      publicKey,
      collector: `https://localhost:${tls}`
    },
    upstreamPort: plain,
    upstreamTlsPort: tls,
    callers,
    databaseUrl: await openDatabase(join(directory, 'postgres'), ends),
    cpu: GATEWAY_CPU,
    profiles
  }
}

async function openDatabase(directory: string, ends: Array<() => Promise<void>>): Promise<string> {
  mkdirSync(directory)
  const server = await startPostgres({ directory })
  ends.push(() => server.stop())
  const db = knex({ client: 'pg', connection: server.url })
  await migrate(db, { appRole: 'postgres', prunerRole: 'postgres' })
  await db.destroy()
  return server.url
}

/** The issuer's key as PEM, found by the header of a token that it signed. */
async function issuerKey(keys: Awaited<ReturnType<typeof startIssuer>>['keys'], callers: string): Promise<string> {
  const header = /Bearer ([\w-]+)\./.exec(readFileSync(callers, 'latin1'))?.[1] ?? ''
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }
  const found = await keys.find(kid)
  if (found === null) throw new Error('the issuer does not publish its key')
  return found.key.export({ type: 'spki', format: 'pem' }).toString()
}

/** A refusal costs less than an answer: who refuses, or lets everybody pass, would win. */
async function checkAnswers({ name, open }: GatewayCandidate, { origin, callers }: StartedCandidate): Promise<void> {
  const [line = ''] = readFileSync(callers, 'latin1').split('\n')
  const at = line.indexOf(': ')
  const known = await fetch(`${origin}/orders/1`, { headers: { [line.slice(0, at)]: line.slice(at + 2) } })
  const text = await known.text()
  if (known.status !== 200 || !text.includes('accepted')) throw new Error(`${name} answered ${known.status}: ${text}`)
  const stranger = await fetch(`${origin}/orders/1`)
  await stranger.text()
  if (stranger.status !== (open === true ? 200 : 401)) {
    throw new Error(`${name} let a stranger pass: ${stranger.status}`)
  }
}

async function measureInRounds(
  running: readonly StartedCandidate[],
  { rounds, seconds, log }: { rounds: number; seconds: number; log: (line: string) => void }
): Promise<Map<string, Sample[]>> {
  const sent = new Map<string, number>()
  const samples = new Map<string, Sample[]>(running.map(({ name }) => [name, []]))
  for (const server of running) {
    for (let run = 0; run < LONGEST_WARM_UP_RUNS && (sent.get(server.name) ?? 0) < WARM_UP_REQUESTS; run++) {
      await measure(server, WARM_UP_RUN_SECONDS, sent)
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (let index = 0; index < running.length; index++) {
      const server = running[(index + round) % running.length]
      if (server !== undefined) samples.get(server.name)?.push(await measure(server, seconds, sent))
    }
    log(`round ${round + 1} of ${rounds}`)
  }
  return samples
}

async function measure(server: StartedCandidate, seconds: number, sent: Map<string, number>): Promise<Sample> {
  const { name, origin, callers, pid } = server
  const from = sent.get(name) ?? 0
  const before = cpuMicrosOf(pid)
  const result = await runWrk({ origin, callers, from, seconds, cpu: LOAD_CPU })
  const cpu = (cpuMicrosOf(pid) - before) / result.requests
  sent.set(name, from + result.requests)
  if (result.refused + result.broken > 0) throw new Error(`${name}: ${JSON.stringify(result)}`)
  return { cpu, rate: result.requests / (result.micros / 1e6), ...memoryOf(pid) }
}

function report(
  samples: ReadonlyMap<string, readonly Sample[]>,
  wantedRatios: readonly GatewayGoal[],
  rounds: number
): Measured {
  const candidates: NonNullable<Measured['candidates']> = {}
  for (const [name, list] of samples) {
    const middle = (of: (sample: Sample) => number): number => rounded(quantile(list.map(of), 0.5))
    candidates[name] = {
      'µs CPU per request': middle(({ cpu }) => cpu),
      'requests per second': middle(({ rate }) => rate),
      'RSS (MB)': middle(({ rss }) => rss),
      'PSS (MB)': middle(({ pss }) => pss)
    }
  }
  const goals: Record<string, Measured['goals'][string]> = {}
  for (const { name, over, under, of, most } of wantedRatios) {
    const above = samples.get(over)
    const below = samples.get(under)
    if (above === undefined || below === undefined) continue
    const ratios = above.map((sample, round) => sample[of] / (below[round]?.[of] ?? Number.NaN))
    goals[name] = { value: Math.round(quantile(ratios, 0.5) * 100) / 100, goal: most, better: 'lower' }
  }
  return { rounds, candidates, values: {}, goals }
}

function isInstalledProgram(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore', env: programPath() })
    return true
  } catch {
    return false
  }
}

/** Debian keeps servers where ordinary users have no path to. */
function programPath(): NodeJS.ProcessEnv {
  process.env.PATH = `${process.env.PATH ?? ''}:/usr/sbin`
  return process.env
}
