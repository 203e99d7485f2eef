export type { Administration } from './administration.ts'
export { knownUser, listUsers, userSummary, type UserSummary } from './read-users.ts'
export {
  changeRole,
  createRole,
  deleteRole,
  disableRole,
  enableRole,
  listRoles,
  type RoleChanges,
  type RoleSummary
} from './roles.ts'
export {
  createUser,
  deleteUser,
  disableUser,
  editUser,
  enableUser,
  setPassword,
  setRoles,
  type NewUser,
  type UserChanges
} from './user-administration.ts'
export { changeAudience, createAudience, deleteAudience, disableAudience, enableAudience } from './audiences.ts'
export { changeScope, createScope, deleteScope, disableScope, enableScope } from './scopes.ts'
export { createOwnRows } from './own-rows.ts'
export { clientSummary } from './locked-client.ts'
export { deleteClient, disableClient, enableClient } from './end-clients.ts'
export {
  changeClient,
  createClient,
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
