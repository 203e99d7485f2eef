import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import type { OpenAnswers } from './open-answers.ts'
import type { ForwardRoute } from './upstreams.ts'

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
  /** Gets every answer that is under way. */
  readonly openAnswers: OpenAnswers
}
