import type { AuditSink } from '@sallyport/security-context'
import {
  functionOption,
  listOf,
  objectWith,
  optionsObject,
  readOptions,
  Type,
  type ReadOptions
} from '@sallyport/security-context/options'
import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { isCorsOrigin } from './document/text-forms.ts'
import { ForwardingOptionsError } from './errors.ts'
import { textOption } from './option-forms.ts'
import type { OpenAnswers } from './open-answers.ts'
import type { RateLimitStore } from './rate-limits/rate-limit-store.ts'
import { tableMistakes } from './table-mistakes.ts'
import { routeTableOptions, tableProperties, type ReadRouteTable, type RouteTableOptions } from './table-options.ts'
import type { TargetOptions } from './upstream-options.ts'

/** How clients reach the app, as services are told. */
export interface EdgeAddress {
  readonly host: string
  /** `https` or `http`. */
  readonly scheme: string
}

/**
 * Makes what carries the requests to one target of an upstream, whose `origin` it is, and verifies its certificate. The
 * plugin closes it.
 */
export type OpenUpstream = (name: string, upstream: TargetOptions) => Dispatcher

/** Options of the plugin. */
export interface ForwardingOptions extends RouteTableOptions {
  /**
   * Carries the requests to upstreams that say nothing of TLS and connections. Whoever made it closes it. Left out: the
   * plugin's own connections to each upstream.
   */
  readonly dispatcher?: Dispatcher
  /** Makes the connections of an upstream in place of the plugin. */
  readonly openUpstream?: OpenUpstream
  /** Headers that carry the trace to a service. Left out: `traceparent` from `request.traceId`. */
  readonly tracingHeaders?: (request: FastifyRequest) => Readonly<Record<string, string>>
  /** How clients reach the app. Left out: host and scheme of the request. */
  readonly edgeAddress?: (request: FastifyRequest) => EdgeAddress
  /** The app's own origins, whose pages may open WebSockets. Left out: scheme and host of `edgeAddress`. */
  readonly origins?: readonly string[]
  /** Records answers that end with the access of their request. Left out: `fastify.auditSink`, where there is one. */
  readonly auditSink?: AuditSink
  /** Gets every answer that is under way, to end it with the access of its request. Left out: nobody does. */
  readonly openAnswers?: OpenAnswers
  /** Counts the requests of limits for several processes. Left out: each process counts its own. */
  readonly rateLimitStore?: RateLimitStore
  /**
   * How many processes share a limit where each counts its own: without `rateLimitStore`, and while it is away.
   * @default 1
   */
  readonly rateLimitProcesses?: number
}

export const forwardingOptions = optionsObject({
  ...tableProperties,
  dispatcher: Type.Optional(objectWith<Dispatcher>('an undici dispatcher', ['dispatch'])),
  openUpstream: Type.Optional(functionOption<OpenUpstream>()),
  tracingHeaders: Type.Optional(functionOption<NonNullable<ForwardingOptions['tracingHeaders']>>()),
  edgeAddress: Type.Optional(functionOption<NonNullable<ForwardingOptions['edgeAddress']>>()),
  origins: Type.Optional(listOf(textOption('an origin such as https://shop.example', isCorsOrigin), { minItems: 1 })),
  auditSink: Type.Optional(objectWith<AuditSink>('an audit sink', ['write'])),
  openAnswers: Type.Optional(objectWith<OpenAnswers>('a watcher of open answers', ['add'])),
  rateLimitStore: Type.Optional(objectWith<RateLimitStore>('a store of rate limits', ['take'])),
  rateLimitProcesses: Type.Integer({ minimum: 1, default: 1 })
})

/** The options, with their defaults. */
export type ReadForwardingOptions = ReadOptions<typeof forwardingOptions>

const tableRule = {
  of: ['defaults', 'upstreams', 'rateLimits', 'routes'],
  mistakes: (table: ReadRouteTable): readonly string[] => tableMistakes(table)
}

/** @throws {ForwardingOptionsError} `SALLYPORT_FORWARDING_OPTIONS_INVALID`, naming every mistake */
export function readForwardingOptions(given: ForwardingOptions): ReadForwardingOptions {
  return readOptions({ schema: forwardingOptions, error: ForwardingOptionsError, rules: [tableRule] }, given)
}

/** @throws {ForwardingOptionsError} `SALLYPORT_FORWARDING_OPTIONS_INVALID`, naming every mistake */
export function readRouteTable(given: RouteTableOptions): ReadRouteTable {
  return readOptions({ schema: routeTableOptions, error: ForwardingOptionsError, rules: [tableRule] }, given)
}
