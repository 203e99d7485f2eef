import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The process id in the `postmaster.pid` of a data folder when that process is a server of this folder, else `null`.
 */
export function runningServer(dataDirectory: string): number | null {
  const pid = Number(readIfThere(join(dataDirectory, 'postmaster.pid')).split('\n')[0])
  return Number.isInteger(pid) && pid > 1 && commandLine(pid).includes(dataDirectory) ? pid : null
}

/**
 * Stops the server of a killed launcher; resolves when it has ended. With SIGINT, PostgreSQL's "fast
 * shutdown", clients are disconnected and the data is consistent; with SIGQUIT the next start recovers it.
 */
export async function stopServer(
  pid: number,
  dataDirectory: string,
  signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'
): Promise<void> {
  process.kill(pid, signal)
  while (runningServer(dataDirectory) === pid) await new Promise(resolve => setTimeout(resolve, 20))
}

const commandLine = (pid: number): string => readIfThere(`/proc/${pid}/cmdline`)

/** A server that ends takes its files with it between two looks. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
