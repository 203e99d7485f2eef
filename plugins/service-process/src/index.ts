import '@sallyport/security-context/require-node'
export { loggerOptions, type LoggerOptions } from './logger-options.ts'
export type { LoggedAddresses } from './logged-addresses.ts'
export { databaseLog } from './database-log.ts'
export { startTracing } from './tracing.ts'
export type { Tracing } from './tracing-contract.ts'
export { runService, type ProcessDefinition, type WorkersDefinition } from './run-service.ts'
export type { WorkerPlace } from './workers/worker-place.ts'
export type { SettingsOf } from './read-process-settings.ts'
export { runProcessProgram } from './program/run-process-program.ts'
export { ProgramUsageError } from './program/process-program.ts'
export type { FurtherCommands, MigrationRoles, ProcessProgram, ProgramCall } from './program/process-program.ts'
export { runApp, type ServiceMessage, type StartedApp } from './run-app.ts'
export {
  optionalDatabase,
  processSettings,
  processSettingsMistakes,
  type ProcessPorts,
  type ProcessSettings
} from './settings.ts'
export {
  allowedHostMistakes,
  canonicalHosts,
  namesOfLoopbackListener,
  unclearHosts,
  type CanonicalHost
} from './public-hosts.ts'
export { trustedProxyRule, type TrustsAddress } from './trusted-proxies.ts'
export type { ProcessContext } from './process-context.ts'
export { connectDatabase, databaseAndKeys, databaseAnswers, type DatabaseSettings } from './connect-database.ts'
export { databaseUrlMistake } from './database-url.ts'
export { openDiscovery, type Discovery } from './discovery.ts'
export { openIssuerAgent } from './issuer-agent.ts'
export { lateKeySource } from './late-keys.ts'
export { answerUnroutable, type UnroutablePath } from './answer-unroutable.ts'
export { instanceOptions, type InstanceFacts } from './instance-options.ts'
export { nameTransaction } from './name-transaction.ts'
export { versionsInForce, versionsOfCommand, type VersionsInForce } from './versions-in-force.ts'
export { operations, type OperationsOptions } from './operations.ts'
export { operatorRoutes, type OperatorRoutesOptions } from './operator/operator-routes.ts'
export type { LogLevels, LogLevelState } from './operator/log-levels.ts'
export type {
  ExceptionGroup,
  ExceptionLog,
  ExceptionOrigin,
  ExceptionPlace,
  ExceptionSink
} from './exceptions/exception-log.ts'
export { createReload, type Change, type Reload, type ReloadSubscriber } from './reload.ts'
export {
  openLiveSettings,
  type OpenLiveSettings,
  type SettingDifference,
  type SettingsWitness
} from './open-live-settings.ts'
export { loadProcessSettings, type LoadedSettings, type NamedDefinition } from './load-process-settings.ts'
export type { ConfigurationTokenFacts, OpenConfigurationTokens } from './reach-settings-server.ts'
export { configurationServerSettings } from './settings-sources.ts'
export { followFile, type FileReading, type FollowedFile, type WatchFolder } from './follow-file.ts'
export { closeTimeoutFor, type DrainTimes } from './drain.ts'
export type { DiscoveryLog, OpenDiscoveryOptions, TracingOptions } from './options.ts'
export * as errors from './errors.ts'
