import type { EventEmitter } from 'node:events'
import { errorCode } from '@sallyport/security-context/mechanics'
import type { RecordContext } from './build-record.ts'
import type { RefusalLog } from './refusal-log.ts'

/** The connection of a handshake that failed; `authorizationError` is the code where a certificate was refused. */
interface FailedConnection {
  readonly remoteAddress?: string | undefined
  readonly authorizationError?: unknown
}

/** Action of rows that say how many handshakes failed, for whom and why. */
export const HANDSHAKE_ACTION = 'connection.handshake'

/** Somebody let go of the connection: load balancers that ask whether a port is open do so every few seconds. */
const LET_GO = ['ECONNRESET', 'EPIPE', 'ECONNABORTED']

/**
 * Counts the TLS handshakes that fail at a server, as refusals of strangers are: one row for the first of a source and
 * a reason, and one for all that follow within an interval. The reason is the code of OpenSSL or Node, such as that of
 * the certificate which no authority vouches for. A connection that was only let go of is none.
 */
export function countHandshakeFailures(
  server: EventEmitter,
  refusals: Pick<RefusalLog, 'count'>,
  context: (source: Pick<RecordContext, 'sourceAddress'>) => RecordContext
): void {
  server.on('tlsClientError', (error: Error, { remoteAddress, authorizationError }: FailedConnection) => {
    // Where a certificate was refused, the error says only that the connection ended.
    const reason = typeof authorizationError === 'string' ? authorizationError : (errorCode(error) ?? 'failed')
    if (LET_GO.includes(reason)) return
    refusals.count(
      { action: HANDSHAKE_ACTION, outcome: 'denied', reason },
      context(remoteAddress === undefined ? {} : { sourceAddress: remoteAddress })
    )
  })
}
