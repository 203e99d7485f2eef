import { UnknownSubjectError } from '../errors.ts'
import { CLIENT_FIELD_LIST } from '../store/client-fields.ts'
import type { Store } from '../store/contract.ts'
import type { Client, ClientRegistration } from '../store/records.ts'
import type { Administration } from './administration.ts'
import { beforeAndAfter } from './audit-change.ts'
import { refuseOtherVersion, type ExpectedVersion } from './versions.ts'

/** A client as administrators see it; the same over HTTP and on the command line. */
export function clientSummary({ disabledAtMs, status: _status, ...registration }: Client): ClientRegistration & {
  readonly version: number
  readonly disabled: boolean
} {
  return { ...registration, disabled: disabledAtMs !== null }
}

/** What the trail has of a client before and after. */
export const AUDITED_CLIENT_FIELDS = [...CLIENT_FIELD_LIST.map(({ name }) => name), 'disabled']

/** A client as the trail has it: of its public keys the ids. */
export const auditedClient = (client: Client): object => ({
  ...clientSummary(client),
  jwks: client.jwks.map(({ kid }) => kid)
})

/**
 * A client as it is stored.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 */
export async function findClient(store: Store, clientId: string): Promise<Client> {
  const client = await store.clients.find(clientId)
  if (client === null) throw new UnknownSubjectError('client', clientId)
  return client
}

/**
 * A client to change. Under the lock of the registry, so that what it refers to stays until the change is committed.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {VersionMismatchError} `SALLYPORT_AUTH_SERVER_VERSION_MISMATCH`
 */
export async function lockedClient(trx: Store, clientId: string, expected: ExpectedVersion): Promise<Client> {
  await trx.audiences.lockRegistry()
  const client = await trx.clients.lockForChange(clientId)
  if (client === null) throw new UnknownSubjectError('client', clientId)
  refuseOtherVersion(expected, 'client', clientId, client)
  return client
}

/** Writes the audit row of a change; `after` is `null` for a client that is gone. */
export async function auditClient(
  administration: Administration,
  trx: Store,
  action: string,
  before: Client,
  after: Client | null
): Promise<void> {
  await administration.audit(trx, {
    action,
    outcome: 'success',
    resource: { type: 'client', id: before.id },
    detail: beforeAndAfter(AUDITED_CLIENT_FIELDS, auditedClient(before), after === null ? null : auditedClient(after))
  })
}
