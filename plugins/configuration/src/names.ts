/** Settings whose environment name is a convention of its own. */
const UNPREFIXED = new Set(['databaseUrl', 'redisUrl', 'port', 'nodeEnv', 'logLevel'])
/** OpenTelemetry's own names, which every tool of an operator knows: `otelServiceName` is OTEL_SERVICE_NAME. */
const OF_OPENTELEMETRY = /^otel[A-Z]/

/**
 * The environment variable of a setting: with the prefix `SALLYPORT_`, `issuer` is SALLYPORT_ISSUER and `databaseUrl`
 * is DATABASE_URL.
 */
export function environmentName(key: string, prefix: string): string {
  const snake = key.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()
  return UNPREFIXED.has(key) || OF_OPENTELEMETRY.test(key) ? snake : prefix + snake
}

/** Whether a variable is in the namespace where unknown names are mistakes. */
export function isInNamespace(variable: string, prefix: string): boolean {
  return variable.startsWith(prefix)
}
