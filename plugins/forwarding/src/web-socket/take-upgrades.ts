import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** The connection of a request that asks for another protocol. Node reads nothing from it any more. */
export interface UpgradeConnection {
  readonly socket: Duplex
  /** Whether anything came behind the head of the request: a body, or frames before the answer. */
  readonly hasSpokenEarly: () => boolean
  /** Leaves what comes from now on to others. */
  readonly release: () => void
}

const upgrades = new WeakMap<IncomingMessage, UpgradeConnection>()

/** The connection of a request that asks for another protocol, `null` for any other request. */
export function upgradeConnection({ raw }: Pick<FastifyRequest, 'raw'>): UpgradeConnection | null {
  return upgrades.get(raw) ?? null
}

/**
 * Lets requests that ask for another protocol go the way of all requests: Node takes them out of it, as soon as
 * anybody listens. Whatever is answered, their connection carries no other request, since nobody reads one from it.
 * @returns stops it
 */
export function takeUpgrades({ server }: FastifyInstance): () => void {
  function takeUpgrade(message: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Node has taken its own listener off: an error would end the process.
    socket.on('error', () => {})
    upgrades.set(message, readOnly(socket, head.length > 0))
    const response = new ServerResponse(message)
    response.shouldKeepAlive = false
    response.assignSocket(message.socket)
    response.once('finish', () => {
      if (!response.writableEnded) return
      message.socket.destroySoon()
    })
    server.emit('request', message, response)
  }

  server.on('upgrade', takeUpgrade)
  return () => {
    server.off('upgrade', takeUpgrade)
  }
}

/** Reads and drops what comes too early, so that a client that leaves is noticed. */
function readOnly(socket: Duplex, hasHead: boolean): UpgradeConnection {
  let isEarly = hasHead
  const drop = (): void => {
    isEarly = true
  }
  const leave = (): void => {
    socket.end()
  }
  socket.on('data', drop).once('end', leave)
  return {
    socket,
    hasSpokenEarly: () => isEarly,
    release() {
      socket.off('data', drop).off('end', leave).pause()
    }
  }
}
