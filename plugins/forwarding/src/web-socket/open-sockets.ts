import type { LabelledValue, Measurement } from '@sallyport/security-context'
import { type ActiveEntry, ActiveList } from '@sallyport/security-context/mechanics'
import type { EndOfSocket } from './close-frames.ts'

/** A WebSocket that is open. */
export interface OpenSocket extends ActiveEntry {
  readonly end: (reason: EndOfSocket) => void
}

/** Who opens a WebSocket, and where. */
export interface SocketGuest {
  /** Name of the route. */
  readonly route: string
  /** The caller, or its source where nobody is known. */
  readonly caller: string
  readonly limits: { readonly maxOpen: number; readonly maxOpenPerCaller: number }
}

/** The WebSockets of an app: how many there are, and the end of all of them. */
export class OpenSockets {
  readonly #open = new ActiveList<OpenSocket>()
  readonly #byRoute = new Map<string, number>()
  readonly #byCaller = new Map<string, number>()
  readonly #ended = new Map<EndOfSocket, number>()
  #isFinishing = false

  /** @returns gives the place back, once; `route` or `caller`: the limit that leaves none */
  enter({ route, caller, limits }: SocketGuest): (() => void) | 'route' | 'caller' {
    if ((this.#byRoute.get(route) ?? 0) >= limits.maxOpen) return 'route'
    const callerHere = JSON.stringify([route, caller])
    if ((this.#byCaller.get(callerHere) ?? 0) >= limits.maxOpenPerCaller) return 'caller'
    changeCount(this.#byRoute, route, 1)
    changeCount(this.#byCaller, callerHere, 1)
    let isHere = true
    return () => {
      if (!isHere) return
      isHere = false
      changeCount(this.#byRoute, route, -1)
      changeCount(this.#byCaller, callerHere, -1)
    }
  }

  opened(socket: OpenSocket): void {
    this.#open.add(socket)
    if (this.#isFinishing) socket.end('gateway-closes')
  }

  ended(socket: OpenSocket, reason: EndOfSocket): void {
    if (this.#open.delete(socket)) this.#ended.set(reason, (this.#ended.get(reason) ?? 0) + 1)
  }

  /** Ends all of them, and from now on each one that is opened. */
  finish(): void {
    this.#isFinishing = true
    for (const socket of this.#open.all()) socket.end('gateway-closes')
  }

  measurements(): Measurement[] {
    return [
      {
        name: 'sallyport_web_sockets_open',
        help: 'WebSockets that are open or being opened',
        kind: 'gauge',
        labels: ['route'],
        read: () => labelled('route', this.#byRoute)
      },
      {
        name: 'sallyport_web_sockets_ended_total',
        help: 'WebSockets that have ended, by the reason',
        kind: 'counter',
        labels: ['reason'],
        read: () => labelled('reason', this.#ended)
      }
    ]
  }
}

function changeCount(counts: Map<string, number>, name: string, change: number): void {
  const count = (counts.get(name) ?? 0) + change
  if (count > 0) counts.set(name, count)
  else counts.delete(name)
}

function labelled(label: string, counts: ReadonlyMap<string, number>): LabelledValue[] {
  return [...counts].map(([name, value]) => ({ labels: { [label]: name }, value }))
}
