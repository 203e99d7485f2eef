export type { Administration } from './administration.ts'
export { createUser, disableUser, enableUser, setPassword, setRoles, type NewUser } from './user-administration.ts'
export {
  clientSummary,
  createClient,
  disableClient,
  rotateSecret,
  setClientLogout,
  setClientProof,
  type NewClientLogout,
  type NewClientProof
} from './client-administration.ts'
export type { NewClient } from './new-client.ts'
export {
  advanceKeys,
  EMERGENCY_BREAKS,
  listKeys,
  publishKey,
  removeKey,
  resealKeys,
  rotateInEmergency,
  startSigning,
  type KeyAdministration,
  type SigningKeySummary
} from './keys.ts'
export { endSessionsOf, listSessions } from './session-administration.ts'
