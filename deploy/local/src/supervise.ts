import { fork, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A process to run. */
export interface ProcessSpec {
  readonly name: string
  /** The module that it runs. */
  readonly path: string
  readonly environment: Readonly<Record<string, string>>
  readonly execArgv: readonly string[]
}

/** Runs processes, and notices when one ends. */
export interface Supervisor {
  /**
   * Starts a process; resolves with its process id when it reports that it is ready, rejects with the reason when it
   * ends before that.
   */
  start: (spec: ProcessSpec) => Promise<number>
  /** Rejects with name and reason when a process ends by itself. */
  readonly failed: Promise<never>
  /** Asks every process to end, and kills what is left after `graceMs`. Resolves when none is left. */
  stop: (graceMs: number) => Promise<void>
  /** Ends every process at once. */
  kill: () => void
}

interface Running {
  readonly name: string
  readonly child: ChildProcess
  readonly ended: Promise<void>
}

/**
 * Runs processes beside each other with their output prefixed by their name. Each is in a process group of its own, so
 * that Ctrl-C reaches only the supervisor; each process ends by itself when its IPC channel closes.
 */
export function superviseProcesses(print: (line: string) => void): Supervisor {
  const running = new Map<string, Running>()
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => {})
  let stopping = false

  return {
    failed: failure.promise,
    start: async spec => {
      const ready = Promise.withResolvers<void>()
      const child = fork(spec.path, [], {
        env: { ...spec.environment },
        execArgv: [...spec.execArgv],
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        detached: true
      })
      const reason = forwardOutput(spec.name, child, print)
      child.on('message', message => {
        if (isMessage(message) && message.type === 'ready') ready.resolve()
      })
      const ended = new Promise<void>(resolve => {
        // Not 'close': Node does not emit it after a disconnect.
        const end = (how: string): void => {
          running.delete(spec.name)
          resolve()
          const error = new ProcessEnded(spec.name, how, reason())
          if (!stopping) failure.reject(error)
          ready.reject(error)
        }
        child.once('error', error => end(error.message))
        child.once('exit', (code, signal) => {
          end(signal === null ? `exit code ${code}` : `signal ${signal}`)
        })
      })
      running.set(spec.name, { name: spec.name, child, ended })
      await ready.promise
      return child.pid ?? 0
    },
    stop: async graceMs => {
      stopping = true
      const all = [...running.values()]
      for (const { child } of all) child.kill('SIGTERM')
      const deadline = setTimeout(() => {
        for (const { child } of all) child.kill('SIGKILL')
      }, graceMs)
      await Promise.all(all.map(({ ended }) => ended))
      clearTimeout(deadline)
    },
    kill: () => {
      stopping = true
      for (const { child } of running.values()) child.kill('SIGKILL')
    }
  }
}

/** Why a process ended, in one line. */
export class ProcessEnded extends Error {
  override readonly name = 'ProcessEnded'

  constructor(processName: string, how: string, reason: string | null) {
    super(`${processName} ended (${how})${reason === null ? '' : `: ${reason}`}`)
  }
}

/**
 * Prints the output of a process line by line; the returned function gives the reason that it reported, or its last
 * lines.
 */
function forwardOutput(name: string, child: ChildProcess, print: (line: string) => void): () => string | null {
  let toldReason: string | null = null
  let lastError: string | null = null
  child.on('message', message => {
    if (isMessage(message) && message.type === 'failed') toldReason = message.message ?? null
  })
  const forward = (stream: NodeJS.ReadableStream | null, isError: boolean): void => {
    if (stream === null) return
    createInterface({ input: stream }).on('line', line => {
      if (isError && /^\w*Error\b|: /.test(line)) lastError ??= line.trim()
      print(`${name.padEnd(18)} | ${line}`)
    })
  }
  forward(child.stdout, false)
  forward(child.stderr, true)
  return () => toldReason ?? lastError
}

function isMessage(message: unknown): message is { type: string; message?: string } {
  return typeof message === 'object' && message !== null && 'type' in message && typeof message.type === 'string'
}
