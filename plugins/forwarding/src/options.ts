import type { AuditSink } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import type { OpenAnswers } from './open-answers.ts'
import type { ForwardRoute } from './forward-route.ts'

/** How clients reach the app, as services are told. */
export interface EdgeAddress {
  readonly host: string
  /** `https` or `http`. */
  readonly scheme: string
}

/** How requests are forwarded. */
export interface ForwardOptions {
  readonly routes: readonly ForwardRoute[]
  /** Verifies the certificates of services and bounds waiting calls; its calls end with their signal. */
  readonly dispatcher: Dispatcher
  readonly maxBodyBytes: number
  /** Limit for the answer's head, from the request's arrival, and for each pause in its body, in ms. */
  readonly upstreamTimeoutMs: number
  /** Limit for the whole answer, from the request's arrival, in ms; not for routes with `stream`. */
  readonly answerTimeoutMs: number
  /** Limit for each pause in an answer of a route with `stream`, in ms. */
  readonly streamPauseMs: number
  /** Lower-case names of request headers that pass in addition to the built-in ones. */
  readonly additionalRequestHeaders: readonly string[]
  /** `traceparent` of the next hop. */
  readonly tracingHeaders: (request: FastifyRequest) => Readonly<Record<string, string>>
  readonly edgeAddress: (request: FastifyRequest) => EdgeAddress
  /** Records answers that end with the access of their request. */
  readonly auditSink: AuditSink
  /** Gets every answer that is under way. */
  readonly openAnswers: OpenAnswers
}
