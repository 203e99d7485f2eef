import type { EventEmitter } from 'node:events'
import { errorCode } from '@sallyport/security-context/mechanics'

/** A standby, or a former primary that was fenced: it answers everything but what changes something. */
const READ_ONLY_SQL_TRANSACTION = '25006'

/** The part of a driver connection that tells of errors of the server. */
interface TellingConnection {
  readonly connection: Pick<EventEmitter, 'on'>
}

/** Connections of a pool, and which of them lead to a server that takes no changes. */
export interface ReadOnlyServers<Connection extends TellingConnection> {
  /** Watches a new connection. */
  readonly watch: (connection: Connection) => void
  /** Whether a connection may be used, as far as is known. */
  readonly isWritable: (connection: Connection) => boolean
}

/**
 * Notices the server that became read-only, after a failover or a switch, behind connections that are still open. One
 * that says so speaks for all that were opened before it too: the pool opens new ones, which lead to the new primary.
 */
export function readOnlyServers<Connection extends TellingConnection>(): ReadOnlyServers<Connection> {
  const places = new WeakMap<Connection, number>()
  let opened = 0
  let readOnlyUpTo = 0
  return {
    watch: connection => {
      const place = ++opened
      places.set(connection, place)
      connection.connection.on('errorMessage', error => {
        if (errorCode(error) === READ_ONLY_SQL_TRANSACTION) readOnlyUpTo = Math.max(readOnlyUpTo, place)
      })
    },
    isWritable: connection => (places.get(connection) ?? opened) > readOnlyUpTo
  }
}
