/**
 * Small mechanics that several packages need and that must have one answer: import them from
 * `@sallyport/security-context/mechanics`.
 */
export { withDeadline } from './deadline.ts'
export { isLoopback } from './loopback.ts'
export { normaliseUsername } from './normalise-username.ts'
export { nodeVersionMistake } from './node-version.ts'
export { scheduleByTimer, type Schedule } from './schedule.ts'
export { bareAddress, sourceOf } from './source.ts'
export { startTimer, type StartTimer } from './timer.ts'
