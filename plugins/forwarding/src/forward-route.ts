/** A path prefix at the gateway and the service behind it. */
export interface ForwardRoute {
  readonly prefix: string
  /** The same resource's path at the service. */
  readonly rewritePrefix: string
  readonly audience: string
  /** Scheme, host and port. */
  readonly origin: string
  /** The largest body that the service accepts, in bytes; the limit of the gateway applies too. */
  readonly maxBodyBytes?: number
  /** Answers go on while data arrives: there is no limit for the whole, only for each pause. */
  readonly stream?: boolean
}
