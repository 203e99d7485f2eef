// A Redis of the test's own, where the machine has the program.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { freePort } from './free-port.ts'

/** Why tests with Redis are skipped; `false` where they run. */
export const WITHOUT_REDIS: string | false =
  spawnSync('redis-server', ['--version']).status === 0 ? false : 'redis-server is not installed'

/** Sends one command, as the store wants it. */
export type RedisCommand = (args: readonly string[]) => Promise<unknown>

/** A running server. */
export interface RedisServer {
  /** For programs that are told a URL. */
  readonly url: string
  /** A connection of its own; closed with the test. */
  readonly connect: () => Promise<RedisCommand>
  /** Sends a signal to the process: `SIGSTOP` makes it hang. */
  readonly signal: (name: 'SIGSTOP' | 'SIGCONT') => void
  /** Ends the process, and resolves when it is gone. */
  readonly stop: () => Promise<void>
  /** Starts it again after {@link stop}, at the same address and empty. */
  readonly startAgain: () => Promise<void>
}

/** Starts a server that keeps nothing on disk. */
export async function startRedis(t: { readonly after: (close: () => unknown) => void }): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-redis-'))
  const socket = join(directory, 'redis.sock')
  const port = String(await freePort())
  const listen = ['--port', port, '--bind', '127.0.0.1', '--unixsocket', socket]
  const launch = (): ChildProcess =>
    spawn('redis-server', [...listen, '--save', '', '--dir', directory], { stdio: 'ignore' })
  let server = launch()
  const stop = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill('SIGKILL')
    await ended
  }
  t.after(async () => {
    await stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const answering = async (): Promise<void> => {
    while (!(await answers(socket))) {
      if (server.exitCode !== null) throw new Error(`redis-server ended with ${server.exitCode}`)
      await new Promise(resolve => {
        setTimeout(resolve, 5)
      })
    }
  }
  await answering()
  return {
    url: `redis://127.0.0.1:${port}`,
    connect: async () => {
      const client = createClient({ disableOfflineQueue: true, socket: { path: socket, tls: false } })
      client.on('error', () => {})
      await client.connect()
      t.after(() => {
        client.destroy()
      })
      return async args => await client.sendCommand(args)
    },
    signal: name => {
      server.kill(name)
    },
    stop,
    startAgain: async () => {
      server = launch()
      await answering()
    }
  }
}

async function answers(socket: string): Promise<boolean> {
  return await new Promise(resolve => {
    const connection = createConnection(socket)
    connection.once('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.once('error', () => {
      resolve(false)
    })
  })
}
