export { loggerOptions, type LoggerOptions } from './logger-options.ts'
export { databaseLog } from './database-log.ts'
export { startTracing, type Tracing, type TracingOptions } from './tracing.ts'
export { runService, type ServiceMessage, type ServiceOptions } from './run-service.ts'
