// A Redis of the test's own, where the machine has the program.
import { spawn, spawnSync } from 'node:child_process'
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
}

/** Starts a server that keeps nothing on disk. */
export async function startRedis(t: { readonly after: (close: () => unknown) => void }): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-redis-'))
  const socket = join(directory, 'redis.sock')
  const port = String(await freePort())
  const listen = ['--port', port, '--bind', '127.0.0.1', '--unixsocket', socket]
  const server = spawn('redis-server', [...listen, '--save', '', '--dir', directory], { stdio: 'ignore' })
  const ended = new Promise<void>(resolve => {
    server.once('exit', () => {
      resolve()
    })
  })
  t.after(async () => {
    server.kill('SIGKILL')
    await ended
    rmSync(directory, { recursive: true, force: true })
  })
  while (!(await answers(socket))) {
    if (server.exitCode !== null) throw new Error(`redis-server ended with ${server.exitCode}`)
    await new Promise(resolve => {
      setTimeout(resolve, 5)
    })
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    connect: async () => {
      const client = createClient({ socket: { path: socket, tls: false } })
      client.on('error', () => {})
      await client.connect()
      t.after(() => {
        client.destroy()
      })
      return async args => await client.sendCommand(args)
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
