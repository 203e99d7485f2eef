import type { AuditSink, SendHook } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { boundCall } from './bound-call.ts'
import { findCredential } from './credential.ts'
import type { Deadlines } from './lean/deadlines.ts'
import { forwardLean } from './lean/forward-lean.ts'
import type { OpenAnswers } from './open-answers.ts'
import type { OpenStreams } from './open-streams.ts'
import type { ForwardingOptions } from './options.ts'
import { passAnswer } from './pass-answer.ts'
import { sendRequest } from './send-request.ts'
import type { TableRoute } from './table-route.ts'
import type { OpenSockets } from './web-socket/open-sockets.ts'
import { ProtocolSwitch } from './web-socket/protocol-switch.ts'
import { upgradeConnection } from './web-socket/take-upgrades.ts'

/** What all requests share. */
export interface ForwardingParts {
  readonly tracingHeaders: NonNullable<ForwardingOptions['tracingHeaders']>
  readonly edgeAddress: NonNullable<ForwardingOptions['edgeAddress']>
  readonly openAnswers: OpenAnswers | null
  readonly openStreams: OpenStreams
  readonly auditSink: AuditSink | null
  readonly deadlines: Deadlines
  readonly openSockets: OpenSockets
  /** Origins of the app itself, as browsers spell them. */
  readonly ownOrigins: (request: FastifyRequest) => readonly string[]
  /** Run before the head of an answer leaves; `null` where the answers have to go through Fastify. */
  readonly headHooks: () => readonly SendHook[] | null
}

/** A request and its route. */
export interface ForwardedRequest {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: TableRoute
}

/**
 * Sends a request on and its answer back past Fastify, where nothing of Fastify's is needed for that.
 * @returns false where the answer has to go through Fastify
 */
export function forwardPastFastify(forwarded: ForwardedRequest, parts: ForwardingParts): boolean {
  const hooks = parts.headHooks()
  if (hooks === null || forwarded.request.raw.httpVersionMajor !== 1) return false
  forwardLean({ ...forwarded, ...parts, hooks, protocolSwitch: protocolSwitchFor(forwarded, parts, hooks) })
  return true
}

function protocolSwitchFor(
  forwarded: ForwardedRequest,
  parts: ForwardingParts,
  hooks: readonly SendHook[]
): ProtocolSwitch | null {
  const connection = upgradeConnection(forwarded.request)
  const { webSocket } = forwarded.route
  if (connection === null || webSocket === null) return null
  return new ProtocolSwitch({ ...forwarded, ...parts, connection, webSocket, hooks })
}

/**
 * Sends a request on and its answer back. It sends the request itself, because reply-from takes no signal: its requests
 * end neither with the client nor by a limit.
 */
export async function forwardAsFastifyDoes(forwarded: ForwardedRequest, parts: ForwardingParts): Promise<FastifyReply> {
  const { request, reply, route } = forwarded
  const { signal, headArrived } = boundCall(request, reply, route.limits)
  const token = await findCredential(request, route)
  const { headMs, pauseMs } = route.limits
  const deadlineAtMs = performance.now() - reply.elapsedTime + headMs
  const answer = await sendRequest({ ...parts, request, token, deadlineAtMs, route, signal, pauseMs })
  headArrived()
  return passAnswer({ ...forwarded, ...parts, answer })
}
