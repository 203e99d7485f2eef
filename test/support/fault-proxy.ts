import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'

/** What becomes of traffic to the database. */
export type FaultMode =
  /** Everything passes. */
  | 'pass'
  /** Connections are cut and refused. */
  | 'stopped'
  /** Connections are taken and nothing is ever answered. */
  | 'silent'
  /** The first COMMIT does not arrive: its connection is cut before it. */
  | 'cut-before-commit'
  /** The first COMMIT is done, and its connection cut before the answer. */
  | 'cut-after-commit'

/** A proxy in front of a database. */
export interface FaultProxy {
  /** The database's URL through the proxy. */
  readonly url: string
  /** How often a mode has struck. */
  readonly strikes: () => number
  /**
   * @param after cuts only the COMMIT of a transaction that has sent this text, so that no other transaction of the
   * process is hit
   */
  set: (mode: FaultMode, after?: string) => void
}

/** Starts a proxy in front of the database of `url`; closed after the test. */
export async function faultProxy(t: Test, url: string): Promise<FaultProxy> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let mode: FaultMode = 'pass'
  let marker = ''
  let strikes = 0

  const server = createServer(client => {
    if (mode === 'stopped') {
      client.destroy()
      return
    }
    const upstream = connect(Number(target.port), target.hostname)
    let awaitsCommit = false
    let marked = false
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', data => {
      if (mode === 'silent') {
        strikes++
        return
      }
      // What was sent before the mode was set is no mark: it may be of any transaction.
      marked = mode.startsWith('cut') && (marked || data.includes(marker))
      const commits = data.includes('COMMIT') && marked
      if (data.includes('COMMIT')) marked = false
      if (commits && mode === 'cut-before-commit') {
        strike()
        client.destroy()
        return
      }
      if (commits && mode === 'cut-after-commit') {
        strike()
        awaitsCommit = true
      }
      upstream.write(data)
    })
    upstream.on('data', data => {
      if (mode === 'silent') return
      if (awaitsCommit) client.destroy()
      else client.write(data)
    })
  })
  const strike = (): void => {
    strikes++
    mode = 'pass'
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String((server.address() as AddressInfo).port)
  return {
    url: through.href,
    strikes: () => strikes,
    set: (next, after = '') => {
      mode = next
      marker = after
      if (next === 'stopped') for (const socket of sockets) socket.destroy()
    }
  }
}
