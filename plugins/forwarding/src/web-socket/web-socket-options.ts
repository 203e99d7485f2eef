import { listOf, optionsObject, Type, type ReadOptions } from '@sallyport/security-context/options'
import { isCorsOrigin } from '../document/text-forms.ts'
import { textOption, timerOption } from '../option-forms.ts'

/** WebSockets of a route: GET requests that ask for one, and nothing else, may switch protocols. @see RFC 6455 */
export interface WebSocketOptions {
  /**
   * Origins whose pages may open one. A caller that is known by a cookie or a password has to name one of them; others
   * may name none. Left out: the app's own.
   */
  readonly origins?: readonly string[]
  /**
   * Whether client and service may agree on extensions, such as compression.
   * @default false
   */
  readonly extensions?: boolean
  /**
   * Open ones at a time, in this process; one more is 503.
   * @default 1000
   */
  readonly maxOpen?: number
  /**
   * Those of one caller, or of one source address where nobody is known, in this process; one more is 429.
   * @default 20
   */
  readonly maxOpenPerCaller?: number
  /**
   * How long nothing may come from either side, in ms.
   * @default 120_000
   */
  readonly idleMs?: number
  /** How long one may be open, in ms. Left out: as long as the access of its caller. */
  readonly totalMs?: number
}

export const webSocketOptions = optionsObject({
  origins: Type.Optional(listOf(textOption('an origin such as https://shop.example', isCorsOrigin), { minItems: 1 })),
  extensions: Type.Boolean({ default: false }),
  maxOpen: Type.Integer({ minimum: 1, default: 1000 }),
  maxOpenPerCaller: Type.Integer({ minimum: 1, default: 20 }),
  idleMs: Type.Integer({ ...timerOption(), default: 120_000 }),
  totalMs: Type.Optional(timerOption())
})

/** What a route says of its WebSockets, with the defaults. */
export type ReadWebSocket = ReadOptions<typeof webSocketOptions>
