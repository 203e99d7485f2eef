import type { Confirmation } from '../confirmation.ts'
import type { Session } from '../records.ts'
import { millisecondsOf, millisecondsOrNull, timeOf, timeOrNull } from './time.ts'

/** A row of the table `sessions`. */
export interface SessionRow {
  readonly id: string
  readonly user_id: string
  readonly client_id: string
  readonly kind: 'login' | 'api'
  readonly scopes: string[]
  readonly audience: string
  readonly idle_seconds: number
  readonly created_at: Date
  readonly last_used_at: Date
  readonly idle_expires_at: Date
  readonly absolute_expires_at: Date
  readonly user_agent: string | null
  readonly source_address: string | null
  readonly status_list_id: string
  readonly status_index: number
  readonly confirmation: Confirmation | null
  readonly sign_in_id: string | null
  readonly authenticated_at: Date | null
  readonly ended_at: Date | null
  readonly end_reason: string | null
}

/** The session of a row. */
export function sessionOf(row: SessionRow): Session {
  return {
    id: row.id,
    userId: row.user_id,
    clientId: row.client_id,
    kind: row.kind,
    scopes: row.scopes,
    audience: row.audience,
    idleSeconds: row.idle_seconds,
    createdAtMs: millisecondsOf(row.created_at),
    lastUsedAtMs: millisecondsOf(row.last_used_at),
    idleExpiresAtMs: millisecondsOf(row.idle_expires_at),
    absoluteExpiresAtMs: millisecondsOf(row.absolute_expires_at),
    userAgent: row.user_agent,
    sourceAddress: row.source_address,
    status: { listId: row.status_list_id, index: row.status_index },
    confirmation: row.confirmation,
    signInId: row.sign_in_id,
    authenticatedAtMs: millisecondsOrNull(row.authenticated_at),
    endedAtMs: millisecondsOrNull(row.ended_at),
    endReason: row.end_reason
  }
}

/** The row of a session. */
export function sessionRowOf(session: Session): SessionRow {
  return {
    id: session.id,
    user_id: session.userId,
    client_id: session.clientId,
    kind: session.kind,
    scopes: [...session.scopes],
    audience: session.audience,
    idle_seconds: session.idleSeconds,
    created_at: timeOf(session.createdAtMs),
    last_used_at: timeOf(session.lastUsedAtMs),
    idle_expires_at: timeOf(session.idleExpiresAtMs),
    absolute_expires_at: timeOf(session.absoluteExpiresAtMs),
    user_agent: session.userAgent,
    source_address: session.sourceAddress,
    status_list_id: session.status.listId,
    status_index: session.status.index,
    confirmation: session.confirmation,
    sign_in_id: session.signInId,
    authenticated_at: timeOrNull(session.authenticatedAtMs),
    ended_at: timeOrNull(session.endedAtMs),
    end_reason: session.endReason
  }
}
