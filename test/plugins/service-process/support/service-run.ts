import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const FIXTURE = fileURLToPath(new URL('service.ts', import.meta.url))

/** The fixture service in a process of its own. */
export interface Run {
  readonly child: ChildProcess
  readonly output: () => string
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<string>
  /** The first message of a type, also one that has come already. */
  readonly message: (type: string) => Promise<{ readonly type: string; readonly url: string }>
}

/** Starts the fixture service. */
export function startService(args: readonly string[] = [], environment: Record<string, string> = {}): Run {
  const child = fork(FIXTURE, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: ['--conditions=@sallyport/source'],
    env: { ...process.env, ...environment }
  })
  let output = ''
  const drained = [child.stdout, child.stderr].map(async stream => {
    for await (const chunk of stream ?? []) output += String(chunk)
  })
  const messages: Array<{ type: string; url: string }> = []
  child.on('message', message => {
    messages.push(message as { type: string; url: string })
  })
  // Not 'close': Node does not emit it after a disconnect.
  const ended = once(child, 'exit').then(async ([code, signal]) => {
    await Promise.all(drained)
    return String(signal ?? code)
  })
  const message = async (type: string): Promise<{ type: string; url: string }> => {
    for (;;) {
      const found = messages.find(message => message.type === type)
      if (found !== undefined) return found
      await once(child, 'message')
    }
  }
  return { child, output: () => output, ended, message }
}
