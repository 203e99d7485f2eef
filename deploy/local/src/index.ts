export { type AppModule, type ClientFacts, type AppDemoFacts, type LoadedApp } from './app-module.ts'
export {
  startPostgres,
  stopPostgres,
  type PostgresOptions,
  type RunningPostgres
} from './postgres/embedded-postgres.ts'
export {
  makeAuthority,
  restoreAuthority,
  type Authority,
  type CertificateRequest,
  type IssuedCertificate
} from '@sallyport/testing/certificates'
export { ensureCertificates, type CertificateFiles } from './certificates/process-certificates.ts'
export {
  databaseTarget,
  ensureDatabase,
  databaseRoles,
  type ProcessDatabaseRoles,
  type DatabaseTarget,
  type ProcessDatabase
} from './databases.ts'
export { environmentOf, gatewayOf, issuerOf, type Deployment } from './environment.ts'
export { launch, type Surroundings } from './launch.ts'
export { LauncherError } from './launcher-error.ts'
export { localFacts, type LocalFacts } from './local-json.ts'
export { parseOptions, type LauncherOptions } from './options.ts'
export { scaleRules } from './observe/scale-rules.ts'
export { isOnPath, prometheusAlerts, type PrometheusAlert } from './observe/start-prometheus.ts'
export { allPorts, PROCESSES, type ProcessEntry } from './processes.ts'
export { SERVICES, withOwnPorts } from './services.ts'
export { requireFreePorts } from './readiness.ts'
export { loadSecrets, type Secrets } from './secrets.ts'
export { lockStateDirectory, openStateDirectory } from './state-directory.ts'
export { ProcessEnded, superviseProcesses, type ProcessSpec, type Supervisor } from './supervise.ts'
export { CollectedSpans, listenOnLoopback, type CollectedSpan } from './trace-collector.ts'
export { flows } from './walkthrough/flows/index.ts'
export { type Flow, type Stack } from './walkthrough/flow.ts'
export { freePortBase, startOwnStack, type OwnStack } from './walkthrough/own-stack.ts'
export { readStack, runFlows } from './walkthrough/run-flows.ts'
