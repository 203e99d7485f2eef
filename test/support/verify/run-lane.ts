import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ROOT } from '../packages.ts'
import type { Step } from './stages.ts'

/** A step that has run. */
export interface EndedStep {
  readonly name: string
  readonly seconds: number
  /** Exit code; 1 for a step that was ended by a signal. */
  readonly code: number
}

/**
 * Runs steps one after another, whatever becomes of them.
 * @param print gets the output of a step when it ends, and a line before and after it, which `.ci/failures.mjs` reads
 */
export async function runLane(steps: readonly Step[], print: (text: string) => void): Promise<EndedStep[]> {
  const ended: EndedStep[] = []
  for (const step of steps) ended.push(await runStep(step, print))
  return ended
}

async function runStep([script, ...args]: Step, print: (text: string) => void): Promise<EndedStep> {
  const name = [script, ...args].join(' ')
  print(`# step ${name} begins`)
  const startedAt = performance.now()
  const child = spawn('npm', ['run', script, ...(args.length > 0 ? ['--', ...args] : [])], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const output: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk))
  const [exitCode] = (await once(child, 'close')) as [number | null]
  const code = exitCode ?? 1
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  print(`${Buffer.concat(output).toString()}\n# step ${name} ended with exit code ${code} after ${seconds} s`)
  return { name, seconds, code }
}
