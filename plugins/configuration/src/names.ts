const PREFIX = 'SALLYPORT_'

/** Settings whose environment name is a convention of its own. */
const UNPREFIXED = new Set(['databaseUrl', 'redisUrl', 'port', 'nodeEnv', 'logLevel'])

/** The environment variable of a setting: `issuer` is SALLYPORT_ISSUER, `databaseUrl` is DATABASE_URL. */
export function environmentName(key: string): string {
  const snake = key.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()
  return UNPREFIXED.has(key) ? snake : PREFIX + snake
}

/** Whether a variable is in the namespace where unknown names are mistakes. */
export function isInNamespace(variable: string): boolean {
  return variable.startsWith(PREFIX)
}
