import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The process id in the `postmaster.pid` of a data folder when that process is a server of this folder, else `null`.
 */
export function runningServer(dataDirectory: string): number | null {
  const file = join(dataDirectory, 'postmaster.pid')
  if (!existsSync(file)) return null
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  return Number.isInteger(pid) && pid > 1 && commandLine(pid).includes(dataDirectory) ? pid : null
}

/**
 * Stops the server of a killed launcher; resolves when it has ended. The signal is SIGINT, PostgreSQL's "fast
 * shutdown": clients are disconnected, the data is consistent.
 */
export async function stopServer(pid: number, dataDirectory: string): Promise<void> {
  process.kill(pid, 'SIGINT')
  while (runningServer(dataDirectory) === pid) await new Promise(resolve => setTimeout(resolve, 20))
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
