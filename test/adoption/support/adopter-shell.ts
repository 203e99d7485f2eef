// The one terminal of an adopter: commands run in their order; variables, functions and processes stay.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A shell that stays open. */
export interface AdopterShell {
  /**
   * Runs commands to their end, and gives what they printed.
   * @throws when one fails, or when they take too long; the shell has ended then, with everything in it
   */
  readonly run: (commands: string) => Promise<string>
  /** Ends the shell with everything that it has started. */
  readonly end: () => Promise<void>
}

const BLOCK_MS = 180_000
/** As long as a process may take to end in order. */
const END_MS = 10_000

/**
 * Opens a shell. What it starts ends with it, also when this process is killed: its input ends then.
 * @param scratch folder for the commands
 */
export function openAdopterShell(scratch: string, environment: NodeJS.ProcessEnv): AdopterShell {
  mkdirSync(scratch, { recursive: true })
  const shell = spawn('bash', ['--noprofile', '--norc'], { cwd: scratch, env: environment, detached: true })
  const closed = once(shell, 'close')
  let printed = ''
  let notice = (): void => {}
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      printed += part
      notice()
    })
  }
  shell.stdin.on('error', () => {})
  shell.stdin.write(`exec 2>&1\nset -e -o pipefail\ntrap 'kill $(jobs -p) 2> /dev/null; wait' EXIT\n`)

  const endWithin = async (ms: number): Promise<void> => {
    shell.stdin.end()
    const timer = setTimeout(() => killProcessGroup(shell.pid), ms)
    await closed
    clearTimeout(timer)
    killProcessGroup(shell.pid)
  }

  return {
    run: async commands => {
      const id = randomUUID()
      const [file, mark] = [join(scratch, `${id}.sh`), `\nend-of-commands ${id}\n`]
      writeFileSync(file, commands)
      printed = ''
      const reached = new Promise<boolean>(resolve => {
        notice = () => {
          if (printed.includes(mark)) resolve(true)
        }
      })
      const late = setTimeout(() => killProcessGroup(shell.pid), BLOCK_MS)
      shell.stdin.write(`. ${file} < /dev/null\nprintf '${mark.replaceAll('\n', '\\n')}'\n`)
      const isDone = await Promise.race([reached, closed.then(() => false)])
      clearTimeout(late)
      if (!isDone) throw new Error(`these commands fail:\n${commands}\nand print:\n${printed}`)
      return printed.slice(0, printed.indexOf(mark))
    },
    end: async () => {
      await endWithin(END_MS)
    }
  }
}

function killProcessGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // Nothing is left of it.
  }
}
