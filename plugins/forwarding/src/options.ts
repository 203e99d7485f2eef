import type { AuditSink } from '@sallyport/security-context'
import {
  functionOption,
  objectWith,
  optionsObject,
  readOptions,
  Type,
  type ReadOptions
} from '@sallyport/security-context/options'
import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { ForwardingOptionsError } from './errors.ts'
import type { OpenAnswers } from './open-answers.ts'
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
  /** Records answers that end with the access of their request. Left out: `fastify.auditSink`, where there is one. */
  readonly auditSink?: AuditSink
  /** Gets every answer that is under way, to end it with the access of its request. Left out: nobody does. */
  readonly openAnswers?: OpenAnswers
}

export const forwardingOptions = optionsObject({
  ...tableProperties,
  dispatcher: Type.Optional(objectWith<Dispatcher>('an undici dispatcher', ['dispatch'])),
  openUpstream: Type.Optional(functionOption<OpenUpstream>()),
  tracingHeaders: Type.Optional(functionOption<NonNullable<ForwardingOptions['tracingHeaders']>>()),
  edgeAddress: Type.Optional(functionOption<NonNullable<ForwardingOptions['edgeAddress']>>()),
  auditSink: Type.Optional(objectWith<AuditSink>('an audit sink', ['write'])),
  openAnswers: Type.Optional(objectWith<OpenAnswers>('a watcher of open answers', ['add']))
})

/** The options, with their defaults. */
export type ReadForwardingOptions = ReadOptions<typeof forwardingOptions>

const tableRule = {
  of: ['defaults', 'upstreams', 'routes'],
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
