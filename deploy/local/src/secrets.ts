import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LauncherError } from './launcher-error.ts'
import { writePrivateFile } from './state-directory.ts'

/** A user of the demo. */
export interface DemoUser {
  readonly subject: string
  readonly password: string
  readonly roles: readonly string[]
}

/** Everything secret that the launcher makes once and keeps. */
export interface Secrets {
  readonly users: Readonly<Record<string, DemoUser>>
  /** By OAuth client id. */
  readonly clients: Readonly<Record<string, string>>
  /** Key rings by process, newest key first: `id:base64url`. */
  readonly sealingKeys: Readonly<Record<string, string>>
  /**
   * Key for hashes of names tried at logins, in the trails of the gateway and the authorization server: `id:base64url`.
   */
  readonly auditNameKey: string
  /** Key rings by process, of the audit rows that are kept on disk during an outage. */
  readonly auditSpillKeys: Readonly<Record<string, string>>
  /** Seeds by process that sign its audit trail, `id:base64url`. */
  readonly auditCheckpointKeys: Readonly<Record<string, string>>
  /** Peppers of password hashes, newest first: `id:secret`. */
  readonly passwordPeppers: string
  /** Passwords by database role. */
  readonly databaseRoles: Readonly<Record<string, string>>
}

/** Subjects are fixed, so that seeded orders belong to the same people in every database. */
const USERS: Readonly<Record<string, { subject: string; roles: readonly string[] }>> = {
  customer1: { subject: '6f1c8a52-0b7e-4c5f-9d0e-0c0000000001', roles: ['CUSTOMER'] },
  customer2: { subject: '6f1c8a52-0b7e-4c5f-9d0e-0c0000000002', roles: ['CUSTOMER'] },
  restaurant1: { subject: '6f1c8a52-0b7e-4c5f-9d0e-0e0000000001', roles: ['RESTAURANT'] },
  restaurant2: { subject: '6f1c8a52-0b7e-4c5f-9d0e-0e0000000002', roles: ['RESTAURANT'] },
  courier1: { subject: '6f1c8a52-0b7e-4c5f-9d0e-0d0000000001', roles: ['COURIER'] },
  courier2: { subject: '6f1c8a52-0b7e-4c5f-9d0e-0d0000000002', roles: ['COURIER'] },
  admin1: { subject: '6f1c8a52-0b7e-4c5f-9d0e-0a0000000001', roles: ['ADMIN'] }
}

/** What needs secrets. */
export interface SecretNames {
  readonly clients: readonly string[]
  readonly processes: readonly string[]
  readonly databaseRoles: readonly string[]
}

/**
 * Reads the stored secrets and makes missing ones. Passwords and client secrets begin with `demo-`, which every process
 * refuses when NODE_ENV is `production`.
 * @throws {LauncherError} when the file is damaged
 */
export function loadSecrets(directory: string, names: SecretNames): Secrets {
  const path = join(directory, 'secrets.json')
  const kept = existsSync(path) ? parseSecrets(path) : {}
  const secrets: Secrets = {
    users: Object.fromEntries(
      Object.entries(USERS).map(([name, user]) => [
        name,
        { ...user, password: kept.users?.[name]?.password ?? demoSecret(9) }
      ])
    ),
    clients: fillMissing(names.clients, kept.clients, () => demoSecret(32)),
    sealingKeys: fillMissing(names.processes, kept.sealingKeys, demoKey),
    auditNameKey: kept.auditNameKey ?? demoKey(),
    auditSpillKeys: fillMissing(names.processes, kept.auditSpillKeys, demoKey),
    auditCheckpointKeys: fillMissing(names.processes, kept.auditCheckpointKeys, demoKey),
    passwordPeppers: kept.passwordPeppers ?? demoKey(),
    databaseRoles: {
      ...kept.databaseRoles,
      ...fillMissing(names.databaseRoles, kept.databaseRoles, () => randomBytes(24).toString('hex'))
    }
  }
  writePrivateFile(path, `${JSON.stringify(secrets, null, 2)}\n`)
  return secrets
}

function parseSecrets(path: string): Partial<Secrets> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Partial<Secrets>
  } catch {
    throw new LauncherError(`${path} is damaged; remove it together with the database to start anew`)
  }
}

function fillMissing(
  names: readonly string[],
  kept: Readonly<Record<string, string>> | undefined,
  make: () => string
): Record<string, string> {
  return Object.fromEntries(names.map(name => [name, kept?.[name] ?? make()]))
}

function demoSecret(bytes: number): string {
  return `demo-${randomBytes(bytes).toString('base64url')}`
}

function demoKey(): string {
  return `demo-${randomUUID().slice(0, 8)}:${randomBytes(32).toString('base64url')}`
}
