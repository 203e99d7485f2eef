/**
 * Small mechanics that several packages need and that must have one answer: import them from
 * `@sallyport/security-context/mechanics`.
 */
export { canonicalJson, type JsonValue } from './canonical-json.ts'
export type { Clock, MonotonicClock, Random } from './clock.ts'
export { clientSecretBasic } from './client-secret-basic.ts'
export { withDeadline } from './deadline.ts'
export { freezeJson, isJsonObject, ownMember, parseJson, parseJsonObject, type JsonObject } from './json.ts'
export { readKeyRing, type KeyRingText, type RingKey, type RingSecret } from './key-ring.ts'
export { defined, type Defined } from './defined.ts'
export { isLoopback } from './loopback.ts'
export { normaliseUsername } from './normalise-username.ts'
export { nodeVersionMistake } from './node-version.ts'
export { BodyTooLargeError, readBody } from './read-body.ts'
export { scheduleByTimer, type Schedule } from './schedule.ts'
export { bareAddress, sourceOf } from './source.ts'
export { startTimer, type StartTimer } from './timer.ts'
