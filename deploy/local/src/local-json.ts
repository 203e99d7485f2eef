import { join } from 'node:path'
import type { ClientFacts } from './app-module.ts'
import type { ClientKey } from './client-keys.ts'
import { gatewayOf, issuerOf, type Deployment } from './environment.ts'
import { operationsPortOf, PROCESSES } from './processes.ts'
import { writePrivateFile } from './state-directory.ts'

/** A client that can be used as listed: with its secret, key or certificate, or without any. */
export interface LocalClient {
  readonly clientId: string
  readonly clientSecret?: string
  /** PEM of the key that signs its assertions, or that belongs to its certificate. */
  readonly privateKeyFile?: string
  readonly certificateFile?: string
  /** `kid` of its assertions. */
  readonly keyId?: string
  readonly grantTypes: readonly string[]
  readonly scopes: readonly string[]
  readonly audiences: readonly string[]
  readonly redirectUris?: readonly string[]
}

/** The facts of a running deployment, as in `.sallyport/local.json`. */
export interface LocalFacts {
  readonly gateway: string
  readonly issuer: string
  /** PEM of the development authority. */
  readonly caFile: string
  /** URL of each process's health and metrics. */
  readonly operations: Readonly<Record<string, string>>
  /** Answers `GET /traces/<trace id>`; absent where spans go to a collector of the operator's. */
  readonly collector?: string
  /** Process id of each process, for signals. */
  readonly processIds: Readonly<Record<string, number>>
  readonly clients: readonly LocalClient[]
  readonly users: ReadonlyArray<{ username: string; password: string; roles: readonly string[] }>
}

/** Path of the file with the facts. */
export function localJsonPath(directory: string): string {
  return join(directory, 'local.json')
}

/** Gathers the facts. @param clients as the package of the authorization server lists them */
export function localFacts(
  deployment: Deployment,
  processIds: ReadonlyMap<string, number>,
  clients: readonly ClientFacts[],
  keys: ReadonlyMap<string, ClientKey>
): LocalFacts {
  const { portBase, secrets, directory, collector } = deployment
  return {
    gateway: gatewayOf(deployment),
    issuer: issuerOf(portBase),
    caFile: join(directory, 'certificates', 'ca.pem'),
    operations: Object.fromEntries(
      PROCESSES.map(entry => [entry.name, `http://127.0.0.1:${operationsPortOf(entry, portBase)}`])
    ),
    ...(collector !== undefined && { collector }),
    processIds: Object.fromEntries(processIds),
    clients: clients.map(client => {
      const clientSecret = client.confidential === false ? undefined : secrets.clients[client.id]
      const audiences = new Set(
        [client.defaultAudience, ...(client.audiences ?? [])].filter(audience => typeof audience === 'string')
      )
      return {
        clientId: client.id,
        ...(clientSecret !== undefined && { clientSecret }),
        ...keyFilesOf(keys.get(client.id)),
        grantTypes: client.grantTypes,
        scopes: client.scopes ?? [],
        audiences: [...audiences],
        ...(client.redirectUris !== undefined && { redirectUris: client.redirectUris })
      }
    }),
    users: Object.entries(secrets.users).map(([username, { password, roles }]) => ({ username, password, roles }))
  }
}

function keyFilesOf(key: ClientKey | undefined): Pick<LocalClient, 'privateKeyFile' | 'certificateFile' | 'keyId'> {
  if (key === undefined) return {}
  const { registration: _, ...files } = key
  return files
}

/** Writes the facts where tests and tools find them. They contain secrets, so only this user can read them. */
export function writeLocalJson(directory: string, facts: LocalFacts): void {
  writePrivateFile(localJsonPath(directory), `${JSON.stringify(facts, null, 2)}\n`)
}
