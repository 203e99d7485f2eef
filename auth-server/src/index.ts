export { buildApp, type AppCollaborators } from './app.ts'
export { settingsSchema, type AuthServerSettings } from './settings.ts'
export { migrate, type DatabaseRoles } from './store/migrate.ts'
export { seedDemo, seedStore, type DemoFacts } from './administration/demo/seed-demo.ts'
export { demoRegistry, type DemoRegistry, type DemoService } from './administration/demo/demo-registry.ts'
export { keyTimesOf } from './key-times.ts'
export { parseKeyRing, type KeyRing } from './tokens/keys/sealing-key-ring.ts'
export { memoryStore } from './store/memory/index.ts'
export { postgresStore } from './store/postgres/index.ts'
export {
  argon2id,
  createPasswordHasher,
  type PasswordHashFunction,
  type PasswordHasher,
  type PasswordParameters
} from './accounts/passwords/password-hasher.ts'
export type { Store } from './store/contract.ts'
export { STORE_CHECKS, type StoreCheck } from './store/checks/index.ts'
export * as admin from './administration/index.ts'
export * as errors from './errors.ts'
export { runCommandLine } from './command-line.ts'
export { runCommand, type Terminal } from './administration/cli/run-command.ts'
export { program } from './program.ts'
