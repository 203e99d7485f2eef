import { recordSecurityEvent } from '@sallyport/security-context'
import { withRetryAfter } from '@sallyport/security-context/mechanics'
import type { FastifyError } from '@fastify/error'
import type { FastifyRequest } from 'fastify'
import {
  HandshakeVersionError,
  OriginRefusedError,
  TooManySocketsError,
  SocketsBusyError,
  ForwardedUpgradeRefusedError
} from '../errors.ts'
import { asksForWebSocket, handshakeMistake, WEB_SOCKET_VERSION } from './handshake.ts'
import type { OpenSockets, SocketGuest } from './open-sockets.ts'
import { upgradeConnection } from './take-upgrades.ts'
import type { ReadWebSocket } from './web-socket-options.ts'

/** What a route needs to be for WebSockets; `null`: it is not. */
export interface UpgradedRoute {
  readonly webSocket: ReadWebSocket | null
}

/** Whether a request asks for a WebSocket, at a route that has them. */
export function mayUpgrade(request: FastifyRequest, route: UpgradedRoute | null): boolean {
  return upgradeConnection(request) !== null && route?.webSocket != null && asksForWebSocket(request.headers)
}

/**
 * Why a request that asks for another protocol does not get it, `null` for one that may. Call it when it is known who
 * is calling.
 * @param own origins of the app itself
 */
export function refusalOfUpgrade(
  request: FastifyRequest,
  webSocket: ReadWebSocket,
  own: readonly string[]
): FastifyError | null {
  const mistake = upgradeConnection(request)?.hasSpokenEarly() === false ? handshakeMistake(request.raw) : 'body'
  if (mistake === 'version') {
    const error = Object.assign(new HandshakeVersionError(), {
      headers: { 'sec-websocket-version': WEB_SOCKET_VERSION }
    })
    return deny(request, 'handshake-version', error)
  }
  if (mistake !== null) return deny(request, `handshake-${mistake}`, new ForwardedUpgradeRefusedError())
  return mayOpenFrom(request, webSocket.origins ?? own)
    ? null
    : deny(request, 'origin-refused', new OriginRefusedError())
}

/** @returns gives the place back; or why there is none */
export function placeForSocket(
  request: FastifyRequest,
  openSockets: OpenSockets,
  guest: SocketGuest
): (() => void) | FastifyError {
  const place = openSockets.enter(guest)
  if (typeof place === 'function') return place
  const error = place === 'route' ? new SocketsBusyError() : new TooManySocketsError()
  return deny(request, place === 'route' ? 'sockets-busy' : 'too-many-sockets', withRetryAfter(error, 1))
}

/** Who opens a WebSocket, in one word. */
export function socketCaller({ principal, ip }: FastifyRequest): string {
  return principal === null ? ip : JSON.stringify([principal.issuer, principal.subject])
}

/**
 * A page's script cannot choose what `Origin` says, and cannot send `Authorization: Bearer`. Whoever is known by what a
 * browser adds by itself, a cookie or a password, has to say where it comes from.
 * @see RFC 6455 §10.2
 */
function mayOpenFrom(request: FastifyRequest, allowed: readonly string[]): boolean {
  const { origin, authorization } = request.headers
  if (origin !== undefined) return allowed.includes(origin)
  const { principal }: Partial<Pick<FastifyRequest, 'principal'>> = request
  return principal === null || principal === undefined || /^(?:Bearer|DPoP) /i.test(authorization ?? '')
}

function deny(request: FastifyRequest, reason: string, error: FastifyError): FastifyError {
  recordSecurityEvent(request, { stage: 'forward', outcome: 'denied', reason })
  return error
}
