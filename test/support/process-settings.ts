import type { ProcessSettings } from '@sallyport/service-process'

/** The settings of every process, for tests that build an app: free ports on loopback, silent, and never overloaded. */
export const PROCESS_SETTINGS = Object.freeze({
  nodeEnv: 'test',
  logLevel: 'silent',
  logAddresses: 'network',
  host: '127.0.0.1',
  port: 0,
  operationsHost: '127.0.0.1',
  operationsPort: 0,
  databaseUrl: 'postgres://127.0.0.1/unused',
  databaseConnections: 5,
  databaseTimeoutMs: 5000,
  peerAddresses: [],
  trustedProxies: [],
  drainDelayMs: 0,
  clockToleranceSeconds: 5,
  maxEventLoopDelayMs: 60_000,
  maxEventLoopUtilization: 1
}) satisfies ProcessSettings
