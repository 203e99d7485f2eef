import { runCommand } from '@sallyport/auth-server'
import type { Test } from 'tap'
import { administration } from '../../support/administration.ts'
import { startServer, type TestServer } from '../../support/authorization-server.ts'

/** What a call printed, and its exit code. */
export interface Call {
  readonly code: number
  readonly out: string
  readonly error: string
  readonly json: () => ReturnType<typeof JSON.parse>
}

/** A server on a database of its own, and the command line on the same database; a line is split at its spaces. */
export async function commandLine(
  t: Test
): Promise<TestServer & { readonly run: (line: string, stdin?: string) => Promise<Call> }> {
  const server = await startServer(t)
  const run = async (line: string, stdin = ''): Promise<Call> => {
    const written = { out: '', error: '' }
    const code = await runCommand(line.split(' '), async () => administration(server.db, () => server.clock.ms), {
      out: text => {
        written.out += text
      },
      error: text => {
        written.error += text
      },
      readStdin: async () => stdin
    })
    return { code, ...written, json: () => JSON.parse(written.out) }
  }
  return { ...server, run }
}
