import type { Duplex } from 'node:stream'
import { runHeadHooks, type AuditSink, type SendHook } from '@sallyport/security-context'
import { type MonotonicClock, startTimer } from '@sallyport/security-context/mechanics'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AnswerHeaders } from '../answer-rules.ts'
import { watchAccess } from '../end-of-access.ts'
import { ForwardFailedError, ForwardedUpgradeRefusedError } from '../errors.ts'
import { endWithoutClient, type SwitchedExchange, thrownError } from '../lean/exchange-parts.ts'
import type { OpenAnswers } from '../open-answers.ts'
import type { OpenStreams } from '../open-streams.ts'
import { ofService } from '../service-failure.ts'
import type { TableRoute } from '../table-route.ts'
import type { EndOfSocket } from './close-frames.ts'
import { handshakeFields, switchFields, switchMistake } from './handshake.ts'
import type { OpenSockets } from './open-sockets.ts'
import { SocketTunnel } from './socket-tunnel.ts'
import type { UpgradeConnection } from './take-upgrades.ts'
import type { ReadWebSocket } from './web-socket-options.ts'

/** What a request for a WebSocket needs beside what every request needs. */
export interface ProtocolSwitchParts {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: TableRoute
  readonly webSocket: ReadWebSocket
  readonly connection: UpgradeConnection
  readonly openSockets: OpenSockets
  readonly openAnswers: OpenAnswers | null
  readonly openStreams: OpenStreams
  readonly auditSink: AuditSink | null
  /** Run before the head leaves, as for every answer. */
  readonly hooks: readonly SendHook[]
}

const monotonicClock: MonotonicClock = () => performance.now()

/** The switch of a request to a WebSocket, from the answer of the service to the end of both connections. */
export class ProtocolSwitch implements SwitchedExchange {
  readonly #parts: ProtocolSwitchParts
  #service: Duplex | null = null
  #isOver = false

  constructor(parts: ProtocolSwitchParts) {
    this.#parts = parts
  }

  fields(): string[] {
    const { request, webSocket } = this.#parts
    return handshakeFields(request.headers, webSocket)
  }

  take(answer: AnswerHeaders, service: Duplex): void {
    const { request, reply, route, webSocket, hooks } = this.#parts
    this.#service = service
    // Nothing else listens to it any more.
    service.on('error', () => {})
    const mistake = switchMistake(request.headers, answer, webSocket)
    if (mistake !== null) {
      return this.#refuse(ofService(new ForwardFailedError({ cause: new Error(mistake) }), route.audience))
    }
    reply.raw.once('close', this.#clientLeft)
    runHeadHooks(hooks, request, reply, this, error => {
      if (this.#isOver) return
      if (error !== null) return this.#refuse(thrownError(error))
      if (this.#parts.connection.hasSpokenEarly()) return this.#refuse(new ForwardedUpgradeRefusedError())
      this.#open(answer, service)
    })
  }

  /** A hook of the head has answered in place of the service. */
  destroy(): void {
    this.#isOver = true
    this.#service?.destroy()
  }

  #refuse(error: Error): void {
    this.destroy()
    void this.#parts.reply.send(error)
  }

  readonly #clientLeft = (): void => {
    if (this.#isOver) return
    this.destroy()
    endWithoutClient(this.#parts.reply.raw)
  }

  #open(answer: AnswerHeaders, service: Duplex): void {
    const { reply, connection, webSocket, openSockets } = this.#parts
    const { raw } = reply
    try {
      writeSwitch(reply, answer)
    } catch (error) {
      return this.#refuse(thrownError(error))
    }
    this.#isOver = true
    raw.off('close', this.#clientLeft)
    connection.release()
    if (raw.socket !== null) raw.detachSocket(raw.socket)
    let unwatch: (() => void) | null = null
    const tunnel = new SocketTunnel({
      client: connection.socket,
      service,
      idleMs: webSocket.idleMs,
      totalMs: webSocket.totalMs ?? null,
      clock: monotonicClock,
      startTimer,
      ended: (ended, reason) => {
        unwatch?.()
        openSockets.ended(ended, reason)
        this.#tellTheEnd(ended, reason)
      }
    })
    openSockets.opened(tunnel)
    // Those of callers that nobody knows end with the app too, so that is not for the watcher.
    unwatch = watchAccess(this.#parts, { finish: null, end: tunnel.end.bind(tunnel) })
  }

  /** Now the request is over: for its line in the log, its metrics and its span. */
  #tellTheEnd({ passed }: SocketTunnel, reason: EndOfSocket): void {
    const { request, reply } = this.#parts
    request.log.info({ reason, bytes: passed }, 'a WebSocket has ended')
    reply.raw.emit('finish')
    reply.raw.emit('close')
  }
}

/** The head that switches: what plugins have put on the reply, and of the service's only what is about the switch. */
function writeSwitch(reply: FastifyReply, answer: AnswerHeaders): void {
  void reply.removeHeader('content-type').removeHeader('content-length').code(101)
  const fields: Array<string | number | string[]> = ['Connection', 'Upgrade', 'Upgrade', 'websocket']
  fields.push(...switchFields(answer))
  const headers = reply.getHeaders()
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined && name !== 'connection' && name !== 'upgrade') fields.push(name, value)
  }
  reply.raw.writeHead(101, fields)
  reply.raw.flushHeaders()
  reply.hijack()
}
