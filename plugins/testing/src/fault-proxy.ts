import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { whenTestEnds, type TestLifetime } from './test-lifetime.ts'

/** What becomes of traffic to a server. */
export type FaultMode =
  /** Everything passes. */
  | 'pass'
  /** Connections are cut and refused. */
  | 'stopped'
  /** Connections are reset and refused: the other side sees ECONNRESET. */
  | 'reset'
  /** Connections are taken, and what is sent is lost: nothing is ever answered. */
  | 'silent'
  /** Answers wait until another mode is set, and pass then. */
  | 'hold'
  /** Answers pass one byte at a time. */
  | 'drip'
  /** The first COMMIT does not arrive: its connection is cut before it. */
  | 'cut-before-commit'
  /** The first COMMIT is done, and its connection cut before the answer. */
  | 'cut-after-commit'

/** A proxy in front of a server, such as a database. */
export interface FaultProxy {
  /** The server's URL through the proxy. */
  readonly url: string
  /** How often a mode has struck. */
  readonly strikes: () => number
  /**
   * @param after cuts only the COMMIT of a transaction that has sent this text, so that no other transaction of the
   * process is hit
   * @param commit the text that is taken for the COMMIT: of a statement that commits by itself, its text or its name
   */
  set: (mode: FaultMode, after?: string, commit?: string) => void
  /** From now on connections lead to another server, as after a failover; those that are open stay where they are. */
  pointTo: (url: string) => void
}

const COMMIT = 'COMMIT'

interface FaultState {
  mode: FaultMode
  marker: string
  commit: string
  strikes: number
  readonly sockets: Set<Socket>
  /** Sends on what was held. */
  readonly held: Set<() => void>
}

/**
 * Starts a TCP proxy in front of the server of `url`; closed when the test is over.
 * @param url with host and port: `postgres://…`, `http://…`
 */
export async function faultProxy(t: TestLifetime, url: string): Promise<FaultProxy> {
  let target = new URL(url)
  const state: FaultState = {
    mode: 'pass',
    marker: '',
    commit: COMMIT,
    strikes: 0,
    sockets: new Set(),
    held: new Set()
  }
  const server = createServer(client => {
    accept(state, client, () => connect(Number(target.port), target.hostname))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  whenTestEnds(t, async () => {
    for (const socket of state.sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })

  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String((server.address() as AddressInfo).port)
  return {
    url: through.href,
    strikes: () => state.strikes,
    set: (mode, after = '', commit = COMMIT) => {
      state.mode = mode
      state.marker = after
      state.commit = commit
      if (mode === 'stopped') for (const socket of state.sockets) socket.destroy()
      if (mode === 'reset') for (const socket of state.sockets) socket.resetAndDestroy()
      if (mode !== 'hold') for (const release of state.held) release()
    },
    pointTo: next => {
      target = new URL(next)
    }
  }
}

function accept(state: FaultState, client: Socket, connectUpstream: () => Socket): void {
  if (state.mode === 'stopped') {
    client.destroy()
    return
  }
  if (state.mode === 'reset') {
    client.resetAndDestroy()
    return
  }
  const upstream = connectUpstream()
  for (const socket of [client, upstream]) {
    state.sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      state.sockets.delete(socket)
      client.destroy()
      upstream.destroy()
    })
  }
  passOn(state, client, upstream)
}

function passOn(state: FaultState, client: Socket, upstream: Socket): void {
  let awaitsCommit = false
  let marked = false
  const answers = answerWriter(state, client)
  client.on('data', data => {
    const { mode } = state
    if (mode === 'silent') {
      state.strikes++
      return
    }
    // What was sent before the mode was set is no mark: it may be of any transaction.
    marked = mode.startsWith('cut') && (marked || data.includes(state.marker))
    const commits = data.includes(state.commit) && marked
    if (data.includes(COMMIT)) marked = false
    if (commits) {
      state.strikes++
      state.mode = 'pass'
    }
    if (commits && mode === 'cut-before-commit') {
      client.destroy()
      return
    }
    awaitsCommit ||= commits
    upstream.write(data)
  })
  upstream.on('data', data => {
    if (state.mode === 'silent') return
    if (awaitsCommit) client.destroy()
    else answers(data)
  })
}

/** Writes answers as the mode says, in the order in which they came. */
function answerWriter(state: FaultState, client: Socket): (data: Buffer) => void {
  const waiting: Buffer[] = []
  const release = (): void => {
    for (const data of waiting.splice(0)) client.write(data)
  }
  client.on('close', () => {
    state.held.delete(release)
  })
  return data => {
    if (state.mode === 'hold') {
      state.strikes++
      waiting.push(data)
      state.held.add(release)
      return
    }
    release()
    if (state.mode === 'drip') {
      state.strikes++
      client.setNoDelay()
      for (const byte of data) client.write(Uint8Array.of(byte))
    } else client.write(data)
  }
}
