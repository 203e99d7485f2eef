import { createHash } from 'node:crypto'
import { canonicalJson, type JsonValue } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import type { SecretRing } from '../secrets/secret-ring.ts'
import { openVersion, readCurrentVersions, type StoredVersion } from '../store/configuration-store.ts'
import { configurationPath, DEFAULT_PROFILE, SHARED_APPLICATION, type ConfigurationKey } from './configuration-names.ts'

/** What is asked for: an application, its profiles, the last of which weighs most, and a label. */
export interface EnvironmentRequest {
  readonly application: string
  readonly profiles: readonly string[]
  readonly label: string
}

/** The stored configurations that make up an environment, the one that weighs most first. */
export interface StoredEnvironment extends EnvironmentRequest {
  readonly sources: readonly StoredVersion[]
}

/** The answer of Spring Cloud Config. @see `org.springframework.cloud.config.environment.Environment` */
export interface SpringEnvironment {
  readonly name: string
  readonly profiles: string[]
  readonly label: string
  readonly version: string
  readonly state: null
  /** The first source that has a property wins. */
  readonly propertySources: Array<{ readonly name: string; readonly source: Record<string, JsonValue> }>
}

/**
 * The configurations that apply, the one that weighs most first: a later profile before an earlier one and all before
 * `default`, and for each profile the application before what all share.
 * @see `JdbcEnvironmentRepository` of Spring Cloud Config, which has the same order
 */
export function configurationsByWeight({ application, profiles, label }: EnvironmentRequest): ConfigurationKey[] {
  const weighed = [
    ...new Set([...profiles.toReversed().filter(profile => profile !== DEFAULT_PROFILE), DEFAULT_PROFILE])
  ]
  const applications = [...new Set([application, SHARED_APPLICATION])]
  return weighed.flatMap(profile => applications.map(name => ({ application: name, profile, label })))
}

/** Reads what applies; without sources when there is nothing. */
export async function readStoredEnvironment(db: Knex, request: EnvironmentRequest): Promise<StoredEnvironment> {
  const weighed = configurationsByWeight(request)
  const found = new Map((await readCurrentVersions(db, weighed)).map(stored => [configurationPath(stored), stored]))
  const sources = weighed.flatMap(key => found.get(configurationPath(key)) ?? [])
  return { ...request, sources }
}

/**
 * Names the content: it is the same exactly when the same versions apply in the same order to the same question.
 */
export function environmentVersion({ application, profiles, label, sources }: StoredEnvironment): string {
  const versions = sources.map(source => [configurationPath(source), source.version])
  return createHash('sha256')
    .update(canonicalJson([application, profiles, label, versions]))
    .digest('base64url')
}

/** The answer, its secrets decrypted. @throws `SALLYPORT_CONFIGSERVER_SECRET_UNREADABLE` */
export function springEnvironment(ring: SecretRing, environment: StoredEnvironment): SpringEnvironment {
  const { application, profiles, label, sources } = environment
  return {
    name: application,
    profiles: [...profiles],
    label,
    version: environmentVersion(environment),
    state: null,
    propertySources: sources.map(stored => {
      const { values, secrets } = openVersion(ring, stored)
      return {
        name: `${configurationPath(stored)}@${stored.version}`,
        source: Object.fromEntries([...values, ...secrets])
      }
    })
  }
}

/** The secrets of an environment by their place, for the audit trail. */
export function secretNames({ sources }: StoredEnvironment): string[] {
  return sources.flatMap(stored => [...stored.secrets.keys()].map(name => `${configurationPath(stored)}#${name}`))
}
