import { offerMeasurements } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import { ForwardingOptionsError, ForwardedUpgradeRefusedError } from '../errors.ts'
import type { TableRoute } from '../table-route.ts'
import { mayUpgrade } from './admit-upgrade.ts'
import { OpenSockets } from './open-sockets.ts'
import { takeUpgrades, upgradeConnection } from './take-upgrades.ts'

/** Routes that may be for WebSockets. */
type Routes = ReadonlyArray<{ readonly webSocket?: object | undefined }>

/** The part of an app that has to do with WebSockets. */
export interface WebSocketServing {
  readonly openSockets: OpenSockets
  /** @throws {ForwardingOptionsError} `SALLYPORT_FORWARDING_OPTIONS_INVALID`, where something else takes upgrades */
  readonly check: (routes: Routes) => void
  /** Takes requests for WebSockets while any route has them. */
  readonly follow: (routes: Routes) => void
}

/**
 * Lets the routes of a table have WebSockets. While there is one, a request that asks for another protocol at any other
 * route is refused: Node has taken its body out of it. The app ends all of them when it closes.
 */
export function serveWebSockets(
  fastify: FastifyInstance,
  routeOf: (request: Parameters<typeof mayUpgrade>[0]) => TableRoute | null
): WebSocketServing {
  const openSockets = new OpenSockets()
  let stop: (() => void) | null = null

  fastify.addHook('onRequest', function refuseUpgrade(request, _reply, done) {
    if (upgradeConnection(request) === null || mayUpgrade(request, routeOf(request))) done()
    else done(new ForwardedUpgradeRefusedError())
  })
  fastify.addHook('preClose', async function endWebSockets() {
    openSockets.finish()
  })
  offerMeasurements(fastify, openSockets.measurements())

  return {
    openSockets,
    check(routes) {
      const place = routes.findIndex(({ webSocket }) => webSocket !== undefined)
      const others = fastify.server.listenerCount('upgrade') - (stop === null ? 0 : 1)
      if (place === -1 || others === 0) return
      throw new ForwardingOptionsError(`routes.${place}.webSocket: something else of this app takes upgrades`)
    },
    follow(routes) {
      const isNeeded = routes.some(({ webSocket }) => webSocket !== undefined)
      if (isNeeded) stop ??= takeUpgrades(fastify)
      else {
        stop?.()
        stop = null
      }
    }
  }
}
