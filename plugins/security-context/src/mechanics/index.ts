/**
 * Small mechanics that several packages need and that must have one answer: import them from
 * `@sallyport/security-context/mechanics`.
 */
export { canonicalJson, type JsonValue } from './canonical-json.ts'
export type { Clock, MonotonicClock, Random } from './clock.ts'
export { basicClientAuthorization } from './client-secret-basic.ts'
export { withDeadline } from './deadline.ts'
export { endpointMistake } from './endpoint-url.ts'
export { freezeJson, isJsonObject, ownMember, parseJson, parseJsonObject, type JsonObject } from './json.ts'
export { errorCode, errorStatus, isRefusedData, messageWithCause } from './failures.ts'
export { readKeyRing, type KeyRingText, type RingKey, type RingSecret } from './read-key-ring.ts'
export { defined, type Defined } from './defined.ts'
export { isLoopback } from './loopback.ts'
export { processWarnings, type Log } from './log.ts'
export { namedMigrations, type MigrationSource, type NamedMigrations } from './named-migrations.ts'
export { normaliseUsername } from './normalise-username.ts'
export { oncePerValue } from './once-per-value.ts'
export { ActiveList, type ActiveEntry } from './active-list.ts'
export { OversizedBodyError, readBody } from './read-body.ts'
export { readPairs } from './read-pairs.ts'
export {
  DEFAULT_WAIT_SECONDS,
  parseRetryAfter,
  retryAfter,
  waitSeconds,
  withRetryAfter,
  type RetryAfter
} from './retry-after.ts'
export type { Change, ReloadSubscriber } from './reload-contract.ts'
export { forgetOldest } from './forget-oldest.ts'
export { nodeVersionMistake } from './node-version.ts'
export {
  isWithoutMetadata,
  MAX_METADATA_BYTES,
  issuerMistake,
  metadataLocations,
  readServerMetadata,
  type RequiredEndpoint,
  type ServerMetadataReading
} from './read-server-metadata.ts'
export type { AuthorizationServerMetadata } from './server-metadata.ts'
export { isSameText } from './same-text.ts'
export { scheduleByTimer, type Schedule } from './schedule.ts'
export { isSecretField, isSecretName, isSecretParameter } from './secret-names.ts'
export { bareAddress, networkOf, sourceOf } from './source.ts'
export { startTimer, type StartTimer } from './timer.ts'
