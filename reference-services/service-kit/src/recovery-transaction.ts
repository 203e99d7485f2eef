import { TXN_HEADER } from '@sallyport/security-context'
import type { UpstreamCaller } from '@sallyport/token-exchange'

/** The transaction of one attempt to finish work: no request causes it, so it is one of its own. */
export interface RecoveryTransaction {
  readonly txn: string
  /** The transaction of the request that began the work; `null` where that was not stored. */
  readonly begunTxn: string | null
}

/** The same caller, whose calls say for which transaction they are made. */
export function callerInTransaction(caller: UpstreamCaller, { txn }: RecoveryTransaction): UpstreamCaller {
  return {
    request: call => caller.request({ ...call, headers: { ...call.headers, [TXN_HEADER]: txn } })
  }
}
