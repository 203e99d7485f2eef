/** What the package offers of the privacy of its rows. */
export { parseJoinKeys, type JoinKey } from './join-hash.ts'
export { parsePrivacyKeys, type PersonWrappingKey, type TrailPrivacy } from './privacy-options.ts'
export type { FieldClass } from './field-class.ts'
export type { PersonalValues } from './personal-values.ts'
export { personIssuer, type TrailPerson } from './trail-person.ts'
export { concealPersonal, readPersonal, type PersonalReading, type PersonalRow } from './read-personal.ts'
export {
  parsePersonalQuery,
  readPersonalAudit,
  type PersonalPage,
  type PersonalQuery,
  type PersonalSearch
} from './search-personal.ts'
export {
  erasePerson,
  reapplyErasures,
  type ErasingOptions,
  type ErasureRequest,
  type ErasureResult,
  type ReappliedErasures
} from './erase-person.ts'
export { expireDayKeys } from './expire-day-keys.ts'
export { rewrapPersonKeys, type RewrappingResult } from './rewrap-keys.ts'
export { createJoinHash, type JoinHash } from './join-hash.ts'
