import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const SCRIPT = fileURLToPath(new URL('load.lua', import.meta.url))
const CONNECTIONS = 32

/** What one run of wrk found. */
export interface LoadResult {
  /** Completed requests. */
  readonly requests: number
  readonly micros: number
  /** Answers with another status than 2xx or 3xx. */
  readonly refused: number
  /** Connections that failed. */
  readonly broken: number
}

/** Where the load goes and what it carries. */
export interface Load {
  readonly origin: string
  /** A file with one header line for each caller. */
  readonly callers: string
  /** With which of them to begin. */
  readonly from: number
  readonly seconds: number
  /** CPU that wrk runs on. */
  readonly cpu: number
}

/** Loads an origin: one thread, 32 connections, each with one request under way. */
export async function runWrk({ origin, callers, from, seconds, cpu }: Load): Promise<LoadResult> {
  const { stdout } = await promisify(execFile)('taskset', [
    ...['-c', String(cpu), 'wrk', '-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', SCRIPT, origin],
    ...['--', callers, String(from)]
  ])
  const [, result] = /^RESULT (.*)$/m.exec(stdout) ?? []
  if (result === undefined) throw new Error(`wrk said: ${stdout}`)
  return JSON.parse(result) as LoadResult
}
