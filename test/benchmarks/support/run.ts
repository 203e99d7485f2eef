import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Pool } from 'undici'
import { machine } from '../../support/machine.ts'
import type { Benchmark, Candidate, CpuTimes, LoadRequest, MeasurementOptions, Operation } from './types.ts'

interface Running {
  readonly name: string
  readonly child: ChildProcess
  readonly pool: Pool
  /** What each chain begins with, by operation. */
  readonly requests: Readonly<Record<string, readonly LoadRequest[]>>
  /** The next request of each chain, by operation; a chain goes on from round to round. */
  readonly chains: Map<string, LoadRequest[]>
}

/** What an operation costs a candidate: the median of the rounds. */
export interface OperationCost {
  readonly cpuMicrosPerRequest: number
  /** Of its database; left out where it has none that is measured. */
  readonly databaseMicrosPerRequest?: number
  readonly requestsPerSecond: number
}

/** One round. */
interface Sample {
  readonly cpu: number
  readonly database: number
  readonly rate: number
}

/** The result of a benchmark, as `--json` writes it. */
export interface Report {
  readonly machine: string
  readonly rounds: number
  readonly candidates: Record<string, Record<string, OperationCost>>
  readonly goals: Record<string, { value: number; goal: number; better: 'lower' | 'higher' }>
}

/**
 * Runs the operations one after another, each for every candidate in interleaved rounds, and compares the CPU time that
 * their processes took per request: of this noisy machine, only the ratios within one run mean anything.
 */
export async function runBenchmark(
  whole: Benchmark,
  log: (line: string) => void,
  options: MeasurementOptions = {}
): Promise<Report> {
  const benchmark = narrowed(whole, options)
  const running: Running[] = []
  const awake = stayAwake()
  try {
    for (const candidate of benchmark.candidates) {
      if (isInstalled(candidate)) running.push(await start(candidate, options))
      else log(`left out: ${candidate.name} (${candidate.needs} is not installed)`)
    }
    const samples = new Map<string, Sample[]>()
    for (const operation of benchmark.operations) {
      const able = running.filter(({ requests }) => requests[operation.name] !== undefined)
      for (const server of able) await measure(server, operation, operation.warmUp)
      for (let round = 0; round < benchmark.rounds; round++) {
        for (const server of rotated(able, round)) {
          const sample = await measure(server, operation, operation.requests)
          samples.set(`${server.name}|${operation.name}`, [
            ...(samples.get(`${server.name}|${operation.name}`) ?? []),
            sample
          ])
        }
      }
      log(`measured: ${operation.name}`)
    }
    return report(benchmark, samples)
  } finally {
    awake.stop()
    for (const { child, pool } of running) {
      await pool.destroy()
      const ended = once(child, 'exit')
      if (child.connected) child.disconnect()
      await ended
    }
  }
}

/** The candidates and operations that are named, each of them all where none is. */
function narrowed(benchmark: Benchmark, { only, rounds }: MeasurementOptions): Benchmark {
  const names = only?.split(';').map(name => name.trim()) ?? []
  const chosen = <Named extends { readonly name: string }>(list: readonly Named[]): readonly Named[] => {
    const found = list.filter(({ name }) => names.includes(name))
    return found.length === 0 ? list : found
  }
  return {
    ...benchmark,
    candidates: chosen(benchmark.candidates),
    operations: chosen(benchmark.operations),
    rounds: rounds ?? benchmark.rounds
  }
}

async function start(candidate: Candidate, { profiles }: MeasurementOptions): Promise<Running> {
  const profiling = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
  const child = fork(
    new URL('candidate-process.ts', import.meta.url),
    [candidate.server.href, JSON.stringify(candidate.options ?? {})],
    { execArgv: ['--conditions=@sallyport/source', ...profiling] }
  )
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`${candidate.name} ended with ${String(code)} before it was ready`)
    })
  ])) as [{ ready: { origin: string; requests: Running['requests'] } }]
  const pool = new Pool(message.ready.origin, { connections: 64 })
  return { name: candidate.name, child, pool, requests: message.ready.requests, chains: new Map() }
}

/**
 * The chains of an operation, prepared now: what was prepared when the benchmark began may have expired by now. One
 * whose requests follow from each other goes on.
 */
async function chainsFor({ name, pool, requests, chains }: Running, operation: Operation): Promise<LoadRequest[]> {
  const known = chains.get(operation.name)
  if (known?.some(({ chained }) => chained === true) === true) return known
  const made = await Promise.all(
    (requests[operation.name] ?? []).map(async request => await prepared(name, pool, request))
  )
  chains.set(operation.name, made)
  return made
}

/**
 * What a candidate needs before it is measured is asked for from here: a client in its own process would be part of it.
 */
async function prepared(name: string, pool: Pool, load: LoadRequest): Promise<LoadRequest> {
  if (load.prepare === undefined) return load
  const {
    prepare: { request, member, parameter },
    ...rest
  } = load
  return withParameter(rest, parameter, memberOf(await sent(name, pool, request), member))
}

/**
 * Keeps this process running without a pause. To wake a sleeping client is work that the kernel does, and accounts for,
 * in the server's system calls, and the faster the server, the more often its client sleeps.
 */
function stayAwake(): { readonly stop: () => void } {
  let isNeeded = true
  const spin = (): void => {
    if (isNeeded) setImmediate(spin)
  }
  spin()
  return {
    stop: () => {
      isNeeded = false
    }
  }
}

async function measure(server: Running, operation: Operation, requests: number): Promise<Sample> {
  const chains = await chainsFor(server, operation)
  let left = requests
  const before = await cpuOf(server.child)
  const startedAt = process.hrtime.bigint()
  await Promise.all(
    Array.from({ length: operation.concurrency }, async (_, lane) => {
      let at = lane % chains.length
      while (left-- > 0) {
        const next = chains[at]
        if (next === undefined) throw new Error(`${server.name} has no request for ${operation.name}`)
        chains[at] = await send(server, next)
        at = (at + operation.concurrency) % chains.length
      }
    })
  )
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9
  const after = await cpuOf(server.child)
  return {
    cpu: (after.cpuMicros - before.cpuMicros) / requests,
    database: (after.databaseMicros - before.databaseMicros) / requests,
    rate: requests / seconds
  }
}

/** Sends one request; returns the next one of its chain. */
async function send(server: Running, load: LoadRequest): Promise<LoadRequest> {
  const text = await sent(server.name, server.pool, load)
  return load.chained === true ? withParameter(load, 'refresh_token', memberOf(text, 'refresh_token')) : load
}

/** The answer's text. A refusal ends the benchmark: it would measure the wrong thing. */
async function sent(name: string, pool: Pool, load: LoadRequest): Promise<string> {
  const response = await pool.request({
    method: load.method,
    path: load.path,
    headers: load.headers,
    body: load.body ?? null
  })
  const text = await response.body.text()
  if (response.statusCode >= 300 || !text.includes(load.expect ?? '')) {
    throw new Error(`${name} answered ${response.statusCode} to ${load.path}: ${text.slice(0, 200)}`)
  }
  return text
}

const memberOf = (text: string, member: string): string => (JSON.parse(text) as Record<string, string>)[member] ?? ''
function withParameter(load: LoadRequest, parameter: string, value: string): LoadRequest {
  const form = new URLSearchParams(load.body)
  form.set(parameter, value)
  return { ...load, body: form.toString() }
}

async function cpuOf(child: ChildProcess): Promise<CpuTimes> {
  const answer = once(child, 'message')
  child.send('cpu')
  const [times] = (await answer) as [CpuTimes]
  return times
}

function report(benchmark: Benchmark, samples: ReadonlyMap<string, readonly Sample[]>): Report {
  const candidates: Report['candidates'] = {}
  for (const [key, list] of samples) {
    const [name = '', operation = ''] = key.split('|')
    const database = round(median(list.map(({ database }) => database)))
    candidates[name] = {
      ...candidates[name],
      [operation]: {
        cpuMicrosPerRequest: round(median(list.map(({ cpu }) => cpu))),
        ...(database > 0 && { databaseMicrosPerRequest: database }),
        requestsPerSecond: round(median(list.map(({ rate }) => rate)))
      }
    }
  }
  const goals: Report['goals'] = {}
  for (const { name, operation, slower, faster, withDatabase = false, goal, better } of benchmark.goals) {
    const [over, under] = [samples.get(`${slower}|${operation}`), samples.get(`${faster}|${operation}`)]
    if (over === undefined || under === undefined) continue
    const cost = (sample?: Sample): number => (sample?.cpu ?? NaN) + (withDatabase ? (sample?.database ?? NaN) : 0)
    const ratios = over.map((sample, index) => cost(sample) / cost(under[index]))
    goals[name] = { value: Math.round(median(ratios) * 100) / 100, goal, better }
  }
  return { machine: machine(), rounds: benchmark.rounds, candidates, goals }
}

function isInstalled({ needs }: Candidate): boolean {
  if (needs === undefined) return true
  try {
    import.meta.resolve(needs)
    return true
  } catch {
    return false
  }
}

const rotated = <T>(list: readonly T[], by: number): T[] =>
  list.map((_, index) => list[(index + by) % list.length] as T)
const round = (value: number): number => Math.round(value * 10) / 10
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
