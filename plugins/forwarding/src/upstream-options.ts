import { listOf, objectWith, optionsObject, Type, type ReadOptions } from '@sallyport/security-context/options'
import type { Dispatcher } from 'undici'
import { isHost, isOrigin } from './document/text-forms.ts'
import { textOption, timerOption } from './option-forms.ts'
import {
  breakerOptions,
  bulkheadOptions,
  ejectionOptions,
  healthCheckOptions,
  retryOptions,
  upstreamTargetOptions,
  type BreakerOptions,
  type BulkheadOptions,
  type EjectionOptions,
  type HealthCheckOptions,
  type RetryOptions,
  type UpstreamTargetOptions
} from './resilience/resilience-options.ts'

/** How long an answer may take, in ms. All count from the arrival of the request. */
export interface AnswerTimeouts {
  /** Until the head of the answer, without the time that the body of the request takes to arrive. */
  readonly headMs?: number
  /** Between two parts of the body of the answer. */
  readonly pauseMs?: number
  /** Until the end of the answer; not for routes with `stream`. */
  readonly totalMs?: number
}

/** TLS to an upstream; its certificate is always verified. */
export interface UpstreamTls {
  /** PEM of the authorities that vouch for the service. Left out: those that Node trusts. */
  readonly ca?: string
  /** The name that the certificate must prove. Left out: the host of the origin. */
  readonly serverName?: string
  /** Own certificate, PEM, for a service that asks for one. */
  readonly certificate?: string
  /** Private key of that certificate, PEM. */
  readonly key?: string
}

/** The options of an upstream for one of its targets. */
export interface TargetOptions extends UpstreamOptions {
  readonly origin: string
}

/** A service behind the app. */
export interface UpstreamOptions {
  /**
   * Scheme, host and port: `https`, or `http` on loopback. In place of `targets`.
   * @example 'https://orders.example:8443'
   */
  readonly origin?: string
  /** Where the service runs, in place of `origin`: a request goes where the fewest are under way. */
  readonly targets?: readonly UpstreamTargetOptions[]
  /** When a target that fails is left out for a while. Left out: never. */
  readonly ejection?: EjectionOptions
  /** What each target is asked again and again. Left out: nothing. */
  readonly healthCheck?: HealthCheckOptions
  /** Which requests are sent again when they fail. Left out: none. */
  readonly retries?: RetryOptions
  /** When nothing is sent to a target any more, for a while. Left out: never. */
  readonly breaker?: BreakerOptions
  /** How many requests may be under way and wait, over all targets. Left out: what the connections say. */
  readonly bulkhead?: BulkheadOptions
  /** TLS of the plugin's own connections. */
  readonly tls?: UpstreamTls
  /** Carries the requests instead; it has to verify certificates. Whoever made it closes it. */
  readonly dispatcher?: Dispatcher
  /**
   * Requests under way at a time. Left out: 64, or what the `dispatcher` of the plugin does.
   */
  readonly maxConnections?: number
  /** Requests that wait for a connection; one more is answered with 503. Left out: 256, or as above. */
  readonly maxQueued?: number
  /** Until a connection is made, in ms. Left out: 5000, or as above. */
  readonly connectTimeoutMs?: number
  /** How long its answers may take. Left out: `defaults.timeouts`. */
  readonly timeouts?: AnswerTimeouts
}

export const answerTimeouts = optionsObject({
  headMs: Type.Optional(timerOption()),
  pauseMs: Type.Optional(timerOption()),
  totalMs: Type.Optional(timerOption())
})

const pemOption = () => Type.Optional(textOption('PEM', text => /^-----BEGIN [A-Z ]+-----$/m.test(text)))

export const upstreamTls = optionsObject({
  ca: pemOption(),
  serverName: Type.Optional(textOption('a host name', text => isHost(text) && !text.includes(':'))),
  certificate: pemOption(),
  key: pemOption()
})

export const upstreamOptions = optionsObject({
  origin: Type.Optional(textOption('scheme, host and port, such as https://orders.example:8443', isOrigin)),
  targets: Type.Optional(listOf(upstreamTargetOptions, { minItems: 1 })),
  ejection: Type.Optional(ejectionOptions),
  healthCheck: Type.Optional(healthCheckOptions),
  retries: Type.Optional(retryOptions),
  breaker: Type.Optional(breakerOptions),
  bulkhead: Type.Optional(bulkheadOptions),
  tls: Type.Optional(upstreamTls),
  dispatcher: Type.Optional(objectWith<Dispatcher>('an undici dispatcher', ['dispatch'])),
  maxConnections: Type.Optional(Type.Integer({ minimum: 1 })),
  maxQueued: Type.Optional(Type.Integer({ minimum: 0 })),
  connectTimeoutMs: Type.Optional(timerOption()),
  timeouts: Type.Optional(answerTimeouts)
})

/** An upstream whose every member is right, with its defaults. */
export type ReadUpstream = ReadOptions<typeof upstreamOptions>

/** What a target is called: its own name, or its number. */
export function targetName(name: string | undefined, place: number): string {
  return name ?? String(place + 1)
}
