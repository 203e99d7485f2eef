import type { RouteAccess, StepUp } from '@sallyport/security-context'
import { customOption, listOf, optionsObject, Type } from '@sallyport/security-context/options'
import {
  isComposedPath,
  isCorsOrigin,
  isFieldName,
  isFieldValue,
  isHost,
  isPath,
  isRoutePath,
  isScope
} from './document/text-forms.ts'
import { SERVED_METHODS, type ServedMethod } from './served-methods.ts'
import { textOption } from './option-forms.ts'
import { answerTimeouts, type AnswerTimeouts } from './upstream-options.ts'
import { webSocketOptions, type WebSocketOptions } from './web-socket/web-socket-options.ts'

/** The one token that a service gets, exchanged for the caller's. @see RFC 8693 */
export interface ExchangedCredential {
  /** The one audience of the token. */
  readonly audience: string
  /** Scopes that are asked for, separated by spaces. Left out: what the authorization server gives. */
  readonly scope?: string
}

/** Calls from pages of other origins. Preflights are answered here and never forwarded. @see Fetch §3.3 */
export interface CorsOptions {
  /** Origins whose pages may call, or `*` for all of them; not with `credentials`. */
  readonly origins: readonly string[] | '*'
  /** Left out: those of the route. */
  readonly methods?: readonly ServedMethod[]
  /** Request headers that a page may send beside those that need no permission. Left out: none. */
  readonly requestHeaders?: readonly string[]
  /** Response headers that a page may read beside those that need no permission. Left out: none. */
  readonly exposedHeaders?: readonly string[]
  /** Whether browsers send cookies along. Left out: no. */
  readonly credentials?: boolean
  /** How long a browser may keep the answer to a preflight, in seconds. Left out: what the browser does. */
  readonly maxAgeSeconds?: number
}

/** Request headers on the way to a service. */
export interface RequestHeaderRules {
  /** Headers of the client that pass beside the built-in ones. */
  readonly pass?: readonly string[]
  /** Headers that are set here. */
  readonly set?: Readonly<Record<string, string>>
}

/** Response headers on the way back. */
export interface ResponseHeaderRules {
  /** Headers that are set here. */
  readonly set?: Readonly<Record<string, string>>
  /** Headers that stay here. */
  readonly remove?: readonly string[]
}

/** One of the answers that a composed answer is made of. */
export interface ComposedPart {
  /**
   * Where it is asked for, with parameters of the route.
   * @example '/orders/:orderId'
   */
  readonly path: string
  /** The name of an upstream. Left out: that of the route. */
  readonly upstream?: string
  /** The credential that goes there. Left out: that of the route. */
  readonly forward?: ExchangedCredential | 'token' | 'none'
  /**
   * Whether a refusal of this part is the whole answer: an order that is not there is 404, whatever other parts say.
   * @default false
   */
  readonly decides?: boolean
}

/** Which requests go where, and who may send them. */
export interface ForwardedRouteOptions {
  /** In metrics, logs and mistakes. Left out: the path. */
  readonly name?: string
  /**
   * `/orders` is that path, `/orders/:id` has a parameter, `/orders/*` is everything below, and `/orders` itself.
   * @example '/orders/*'
   */
  readonly path: string
  /** Values of `Host`; one without a port is for every port. Left out: all. A route that names the host comes first. */
  readonly hosts?: readonly string[]
  /** Left out: all that are served. GET is for HEAD too. */
  readonly methods?: readonly ServedMethod[]
  /** The name of an upstream. */
  readonly upstream: string
  /** The path at the service: it replaces what stands before `*`, or the whole path. Left out: the same path. */
  readonly rewrite?: string
  /** Answers of several services as one, by the name of its part, in place of what `upstream` says: `GET` alone. */
  readonly compose?: Readonly<Record<string, ComposedPart>>
  /** The credential that goes on: one exchanged for the service, the caller's own token, or none. */
  readonly forward: ExchangedCredential | 'token' | 'none'
  /** Who may pass. */
  readonly access: RouteAccess
  /** The strategies that are accepted, in this order. Left out: all of the app. */
  readonly strategies?: readonly string[]
  /** How recently, or how well, callers have to have proven who they are. Left out: it does not matter. */
  readonly stepUp?: StepUp
  /** Left out: the built-in ones pass, and those of `defaults`. */
  readonly requestHeaders?: RequestHeaderRules
  /** Left out: what the service says. */
  readonly responseHeaders?: ResponseHeaderRules
  /** `Cache-Control` of answers below 400. Left out: what the service says. */
  readonly cacheControl?: string
  /** `Content-Security-Policy` of answers. Left out: what the service says. */
  readonly contentSecurityPolicy?: string
  /** The longest body of a request, in bytes. Left out: `defaults.maxBodyBytes`. */
  readonly maxBodyBytes?: number
  /** Left out: those of the upstream. */
  readonly timeouts?: AnswerTimeouts
  /** Answers go on while data arrives: only their pauses are limited. Left out: no. */
  readonly stream?: boolean
  /** Names of limits of requests. Left out: `defaults.rateLimits`. */
  readonly rateLimits?: readonly string[]
  /** Left out: no page of another origin may read anything. */
  readonly cors?: CorsOptions
  /** Left out: requests that ask for a WebSocket are refused, as all that ask for another protocol. */
  readonly webSocket?: WebSocketOptions
}

const headerNameOption = () => textOption('the name of a header', isFieldName)
const headerValueOption = () => textOption('a header value without control characters', isFieldValue)
const headerNamesOption = () => Type.Optional(listOf(headerNameOption()))
const headersToSetOption = () =>
  Type.Optional(
    customOption<Readonly<Record<string, string>>>(
      'an object of header names and values',
      value =>
        typeof value === 'object' &&
        value !== null &&
        Object.entries(value).every(
          ([name, text]) => isFieldName(name) && typeof text === 'string' && isFieldValue(text)
        )
    )
  )
const methods = () => Type.Optional(listOf(Type.Enum([...SERVED_METHODS]), { minItems: 1 }))

export const exchangedCredential = optionsObject({
  audience: textOption('an audience', isScope),
  scope: Type.Optional(headerValueOption())
})

const forwardedCredential = () => Type.Union([Type.Literal('token'), Type.Literal('none'), exchangedCredential])

export const composedPart = optionsObject({
  path: textOption('a path such as /orders/:orderId', isComposedPath),
  upstream: Type.Optional(textOption('the name of an upstream', isScope)),
  forward: Type.Optional(forwardedCredential()),
  decides: Type.Boolean({ default: false })
})

export const corsOptions = optionsObject({
  origins: Type.Union([
    Type.Literal('*'),
    listOf(textOption('an origin such as https://shop.example', isCorsOrigin), { minItems: 1 })
  ]),
  methods: methods(),
  requestHeaders: headerNamesOption(),
  exposedHeaders: headerNamesOption(),
  credentials: Type.Optional(Type.Boolean()),
  maxAgeSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400 }))
})

export const requestHeaderRules = optionsObject({ pass: headerNamesOption(), set: headersToSetOption() })

export const responseHeaderRules = optionsObject({ set: headersToSetOption(), remove: headerNamesOption() })

export const stepUp = optionsObject({
  maxAgeSeconds: Type.Optional(Type.Integer({ minimum: 0 })),
  acr: Type.Optional(listOf(textOption('an acr value', isScope), { minItems: 1 }))
})

export const forwardedRouteOptions = optionsObject({
  name: Type.Optional(textOption('a name', isScope)),
  path: textOption('a path such as /orders, /orders/:id or /orders/*', isRoutePath),
  hosts: Type.Optional(listOf(textOption('a host, or host:port', isHost), { minItems: 1 })),
  methods: methods(),
  upstream: textOption('the name of an upstream', isScope),
  rewrite: Type.Optional(textOption('a path', isPath)),
  compose: Type.Optional(Type.Record(Type.String(), composedPart)),
  forward: forwardedCredential(),
  access: customOption<RouteAccess>(
    'public, authenticated or a policy',
    value => value === 'public' || value === 'authenticated' || (typeof value === 'object' && value !== null)
  ),
  strategies: Type.Optional(listOf(textOption('the name of a strategy', isScope), { minItems: 1 })),
  stepUp: Type.Optional(stepUp),
  requestHeaders: Type.Optional(requestHeaderRules),
  responseHeaders: Type.Optional(responseHeaderRules),
  cacheControl: Type.Optional(headerValueOption()),
  contentSecurityPolicy: Type.Optional(headerValueOption()),
  maxBodyBytes: Type.Optional(Type.Integer({ minimum: 1 })),
  timeouts: Type.Optional(answerTimeouts),
  stream: Type.Optional(Type.Boolean()),
  rateLimits: Type.Optional(listOf(textOption('the name of a limit', isScope))),
  cors: Type.Optional(corsOptions),
  webSocket: Type.Optional(webSocketOptions)
})
