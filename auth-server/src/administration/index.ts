export { setClientProof, type NewClientProof } from './client-proof.ts'
export { setClientLogout, type NewClientLogout } from './client-logout.ts'
export type { Administration } from './administration.ts'
export { createUser, disableUser, enableUser, setPassword, setRoles, type NewUser } from './users.ts'
export { createClient, disableClient, rotateSecret, type NewClient } from './clients.ts'
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
export { endSessionsOf, listSessions } from './sessions.ts'
