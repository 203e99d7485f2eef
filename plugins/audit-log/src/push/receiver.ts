import type { SealedRecord } from '../query.ts'

/** What became of a batch. */
export type SentBatch =
  /** The receiver has it, but for some rows that it says it left out. */
  | { readonly kind: 'taken'; readonly refused: number }
  /** The receiver takes no such batch, however often it is sent: it is too large, or there is something in it. */
  | { readonly kind: 'refused'; readonly reason: string }

/** Where rows of the trail are pushed to. */
export interface TrailReceiver {
  /** For logs, without anything secret. */
  readonly name: string
  /**
   * Sends rows in order, and resolves once the receiver has them. Rejects when it may be tried again: with
   * `retryAfterSeconds` not before that.
   * @param signal ends it
   */
  readonly send: (rows: readonly SealedRecord[], signal: AbortSignal) => Promise<SentBatch>
}

/** Whom a receiver over TLS believes, and what it is shown. All are PEM. */
export interface ReceiverTrust {
  /** Authorities that vouch for the receiver. Default: those that Node trusts. */
  readonly ca?: string
  /** Certificate that is shown to the receiver, with `privateKey`. Default: none. */
  readonly certificate?: string
  readonly privateKey?: string
}

/** The same for Node. Certificates are always verified, whatever the environment of the process says. */
export function trustForNode({ ca, certificate, privateKey }: ReceiverTrust) {
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { cert: certificate }),
    ...(privateKey !== undefined && { key: privateKey })
  } as const
}
