/** A transaction holds one, and what happens beside it needs another one. */
const LEAST_DATABASE_CONNECTIONS = 2

/** What of the settings is divided among workers. */
export interface DividedSettings {
  readonly workers: number
  readonly databaseUrl?: string | undefined
  readonly databaseConnections: number
}

/** What cannot be divided among so many, one sentence each. */
export function workersMistakes({ workers, databaseUrl, databaseConnections }: DividedSettings): string[] {
  const needed = workers * LEAST_DATABASE_CONNECTIONS
  if (workers === 1 || databaseUrl === undefined || databaseConnections >= needed) return []
  return [`databaseConnections: ${databaseConnections} are too few for ${workers} workers, which need ${needed}`]
}
