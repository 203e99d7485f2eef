// The processes as an operator has them: installed from packed files into an empty folder outside the repository.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { settledAdopter } from './adopter.ts'

/** The environment of a program, without what npm and the repository add to it. */
export type ProgramEnvironment = Readonly<Record<string, string>>

/** What a program printed, and its exit code. */
export interface ProgramResult {
  readonly code: number
  readonly out: string
  readonly error: string
}

/** Installed programs. */
export interface InstalledPrograms {
  readonly folder: string
  /** Runs a command to its end. */
  readonly run: (
    program: string,
    args: readonly string[],
    environment?: ProgramEnvironment,
    input?: string
  ) => Promise<ProgramResult>
  /** Starts a process, which ends with the test at the latest. */
  readonly start: (program: string, environment: ProgramEnvironment) => RunningProgram
}

/** A process that was started. */
export interface RunningProgram {
  readonly log: () => string
  /** Ends it as a supervisor does, and gives its exit code. */
  readonly stop: () => Promise<number | null>
}

/** The programs of the packed files, as the page for adopters installs them. */
export async function installPrograms(t: Test): Promise<InstalledPrograms> {
  const { shop: folder } = await settledAdopter()
  return { folder, run: runIn(folder), start: startIn(t, folder) }
}

function runIn(folder: string): InstalledPrograms['run'] {
  return async (program, args, environment = {}, input = '') => {
    const child = spawnIn(folder, program, args, environment)
    const printed = collect(child)
    child.stdin?.end(input)
    const [code] = (await once(child, 'close')) as [number | null]
    return { code: code ?? -1, out: printed.out(), error: printed.error() }
  }
}

function startIn(t: Test, folder: string): InstalledPrograms['start'] {
  return (program, environment) => {
    const child = spawnIn(folder, program, ['start'], environment)
    const ended = once(child, 'close') as Promise<[number | null]>
    const printed = collect(child)
    t.after(() => child.kill('SIGKILL'))
    return {
      log: () => `${printed.out()}${printed.error()}`,
      stop: async () => {
        child.kill('SIGTERM')
        return (await ended)[0]
      }
    }
  }
}

function spawnIn(
  folder: string,
  program: string,
  args: readonly string[],
  environment: ProgramEnvironment
): ChildProcess {
  const file = join(folder, 'node_modules/.bin', program)
  if (!existsSync(file)) throw new Error(`no package installs ${program}`)
  return spawn(file, args, { cwd: folder, env: { PATH: process.env.PATH, ...environment } })
}

function collect(child: ChildProcess): { readonly out: () => string; readonly error: () => string } {
  const texts = { out: '', error: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (texts.out += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (texts.error += text))
  return { out: () => texts.out, error: () => texts.error }
}

/** Waits until a URL answers 200. */
export async function untilReady(url: string, program: RunningProgram, withinMs = 120_000): Promise<void> {
  const until = Date.now() + withinMs
  while (Date.now() < until) {
    const answer = await fetch(url).catch(() => null)
    if (answer?.status === 200) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error(`${url} does not become ready:\n${program.log()}`)
}
