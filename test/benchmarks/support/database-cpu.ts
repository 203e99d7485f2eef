import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Tells the CPU time of a database server with all its processes since its start, in µs.
 * @param dataDirectory of the running server
 */
export function databaseCpu(dataDirectory: string): () => number {
  const postmaster = readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0] ?? ''
  return () => serverCpuMicros(postmaster)
}

/** Linux counts hundredths of a second: of the process, and of its children that have ended. */
const MICROS_PER_TICK = 10_000

function serverCpuMicros(postmaster: string): number {
  let ticks = 0
  for (const id of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    const fields = statFields(id)
    if (fields === null || (id !== postmaster && fields[1] !== postmaster)) continue
    const [user = 0, system = 0, ended = 0, endedSystem = 0] = fields.slice(11, 15).map(Number)
    ticks += user + system + (id === postmaster ? ended + endedSystem : 0)
  }
  return ticks * MICROS_PER_TICK
}

/** The fields behind the name of the process; `null` when it has ended. */
function statFields(id: string): string[] | null {
  try {
    const text = readFileSync(`/proc/${id}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}
