import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
  writeFileSync
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { LauncherError } from './launcher-error.ts'

/** Makes the folder for everything the launcher keeps. @throws {LauncherError} when it cannot be written */
export function openStateDirectory(directory: string): void {
  try {
    // Others may pass through, because the database may run as another user in it; they may not list it.
    makeFolders(resolve(directory))
    const probe = join(directory, '.writable')
    writeFileSync(probe, '')
    rmSync(probe)
  } catch (error) {
    throw new LauncherError(`The folder ${directory} cannot be written (${(error as NodeJS.ErrnoException).code})`)
  }
}

/**
 * One by one: with `recursive`, Node tries forever where the system answers ENOENT for a folder that cannot be created
 * anywhere, as in /proc.
 */
function makeFolders(directory: string): void {
  if (existsSync(directory)) return
  makeFolders(dirname(directory))
  mkdirSync(directory, { mode: 0o711 })
}

/**
 * Makes sure that one launcher works in a folder; returns a function that releases it. The lock of a killed launcher is
 * taken over.
 * @throws {LauncherError} when another launcher is running there
 */
export function lockStateDirectory(directory: string): () => void {
  const path = join(directory, 'launcher.lock')
  for (;;) {
    try {
      const file = openSync(path, 'wx', 0o600)
      writeSync(file, `${process.pid} ${startTimeOf(process.pid)}\n`)
      closeSync(file)
      return () => rmSync(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const holder = readFileSync(path, 'utf8').trim()
      const [pid = '', startTime] = holder.split(' ')
      if (startTime !== undefined && startTimeOf(Number(pid)) === startTime) {
        throw new LauncherError(
          `A launcher is already running in ${directory} (process ${pid}); --directory and --port-base start another one`
        )
      }
      rmSync(path, { force: true })
    }
  }
}

/** Writes a file that only this user can read, completely or not at all. */
export function writePrivateFile(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(`${path}.new`, content, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/**
 * The start time of a process, so that a reused process id is not mistaken for the old process; `gone` when there is
 * none.
 */
function startTimeOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19] ?? 'gone'
  } catch {
    // Without /proc, whether the process exists has to be enough.
    return process.platform !== 'linux' && isAlive(pid) ? 'alive' : 'gone'
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
