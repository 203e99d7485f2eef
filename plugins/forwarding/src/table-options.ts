import { listOf, optionsObject, Type, type ReadOptions } from '@sallyport/security-context/options'
import { isFieldName } from './document/text-forms.ts'
import { forwardedRouteOptions, type ForwardedRouteOptions, type RequestHeaderRules } from './route-options.ts'
import { textOption, timerOption } from './option-forms.ts'
import { answerTimeouts, upstreamOptions, type AnswerTimeouts, type UpstreamOptions } from './upstream-options.ts'

/** What holds for every route that says nothing else. */
export interface ForwardingDefaults {
  /**
   * The longest body of a request, in bytes.
   * @default 1_048_576
   */
  readonly maxBodyBytes?: number
  /** Left out: 10 seconds for the head and for a pause, 30 for the whole answer. */
  readonly timeouts?: AnswerTimeouts
  /**
   * Between two parts of an answer of a route with `stream`, in ms.
   * @default 60_000
   */
  readonly streamPauseMs?: number
  /** Request headers that pass on every route beside the built-in ones. */
  readonly requestHeaders?: Pick<RequestHeaderRules, 'pass'>
}

/** When a process sheds requests by what they are worth, see `admitByPriority` of `@sallyport/health`. */
export interface SheddingLimits {
  /** Requests under way at a time: writes take up to 70 % of them, reads up to 90 %. Left out: any number. */
  readonly maxPending?: number
  /** Above this mean delay of the event loop writes are shed, above twice as much reads, above four times logins. */
  readonly maxEventLoopDelayMs?: number
}

/** What is forwarded where: all that a reload replaces. */
export interface RouteTableOptions {
  /**
   * For routes that say nothing else.
   * @default {}
   */
  readonly defaults?: ForwardingDefaults
  /** The services, by name. */
  readonly upstreams: Readonly<Record<string, UpstreamOptions>>
  /** For whoever admits requests before they come here: this plugin sheds none itself. Left out: no limits. */
  readonly shedding?: SheddingLimits
  /** In any order: of two routes the more specific one is taken. */
  readonly routes: readonly ForwardedRouteOptions[]
}

export const forwardingDefaults = optionsObject(
  {
    maxBodyBytes: Type.Integer({ minimum: 1, default: 1_048_576 }),
    timeouts: Type.Optional(answerTimeouts),
    streamPauseMs: Type.Integer({ ...timerOption(), default: 60_000 }),
    requestHeaders: Type.Optional(
      optionsObject({ pass: Type.Optional(listOf(textOption('the name of a header', isFieldName))) })
    )
  },
  { default: {} }
)

export const sheddingLimits = optionsObject({
  maxPending: Type.Optional(Type.Integer({ minimum: 1 })),
  maxEventLoopDelayMs: Type.Optional(timerOption())
})

/** The members of a table, which the options of the plugin have too. */
export const tableProperties = {
  defaults: forwardingDefaults,
  upstreams: Type.Record(Type.String(), upstreamOptions),
  shedding: Type.Optional(sheddingLimits),
  routes: listOf(forwardedRouteOptions)
}

export const routeTableOptions = optionsObject(tableProperties)

/** A table whose every member is right, with its defaults. */
export type ReadRouteTable = ReadOptions<typeof routeTableOptions>
