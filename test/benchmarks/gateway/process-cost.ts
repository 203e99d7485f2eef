import { readFileSync } from 'node:fs'

/** Of `/proc/<pid>/stat`: Linux counts in hundredths of a second on every platform. @see proc_pid_stat(5) */
const TICK_MICROS = 10_000

/** CPU time that all threads of a process have taken, in µs. */
export function cpuMicrosOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name of the program comes before, in parentheses, and may contain anything.
  const [, , , , , , , , , , , user, system] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(user) + Number(system)) * TICK_MICROS
}

/** Memory of a process in MB: what it occupies, and what of it nobody shares. */
export function memoryOf(pid: number): { rss: number; pss: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  const megabytes = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1024
  return { rss: megabytes('Rss'), pss: megabytes('Pss') }
}
