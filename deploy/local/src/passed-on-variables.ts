/** Variables of the launcher's own environment that every process needs. */
const INHERITED = [
  'PATH',
  'HOME',
  'TZ',
  'LANG',
  'TMPDIR',
  'NODE_OPTIONS',
  'NODE_COMPILE_CACHE',
  'NODE_EXTRA_CA_CERTS',
  'NODE_TLS_REJECT_UNAUTHORIZED'
]

/** Where the traces of all processes go, and which. The name of the service is each process's own. */
const OF_ALL_TRACES = /^OTEL_(?!SERVICE_NAME$)/

/** Limits of every process that somebody who starts the launcher may want to change. */
const LIMITS = [
  ['maxEventLoopDelayMs', 'SALLYPORT_MAX_EVENT_LOOP_DELAY_MS'],
  ['databaseTimeoutMs', 'SALLYPORT_DATABASE_TIMEOUT_MS'],
  ['upstreamTimeoutMs', 'SALLYPORT_UPSTREAM_TIMEOUT_MS'],
  ['recoveryAgeMs', 'SALLYPORT_RECOVERY_AGE_MS']
] as const

/** What every process gets as the launcher has it, whatever its settings are. */
export function inheritedVariables(own: NodeJS.ProcessEnv): Record<string, string> {
  const passed = Object.entries(own).filter(([name]) => INHERITED.includes(name) || OF_ALL_TRACES.test(name))
  return Object.fromEntries(passed.map(([name, value]) => [name, value ?? '']))
}

/** The limits that the launcher was given, as settings: their key, variable and value. */
export function givenLimits(own: NodeJS.ProcessEnv): ReadonlyArray<readonly [string, string, string]> {
  return LIMITS.flatMap(([key, variable]) => {
    const value = own[variable]
    return value === undefined ? [] : [[key, variable, value] as const]
  })
}
