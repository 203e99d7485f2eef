import { authority, type TestService } from '../../support/services.ts'
import { OLD_KEY } from './configuration-server.ts'

/** A terminal whose lines are kept, and the environment of a command for a server of the test. */
export function commandLine() {
  const printed: string[] = []
  let stdin = ''
  return {
    printed,
    out: (line: string) => {
      printed.push(line)
    },
    error: (line: string) => {
      printed.push(line)
    },
    readStdin: async () => stdin,
    type: (text: string) => {
      stdin = text
    },
    environment: (server: TestService, keys = OLD_KEY) => ({
      NODE_ENV: 'test',
      DATABASE_URL: databaseUrl(server),
      SALLYPORT_ISSUER: authority.issuer,
      SALLYPORT_CLIENT_ID: 'configuration-server',
      SALLYPORT_CLIENT_SECRET: 'not-used-not-used-not-used-not-used',
      SALLYPORT_SEALING_KEYS: keys
    })
  }
}

/** As whom and where the server itself is connected: knex keeps the parts of its URL. */
function databaseUrl({ db }: TestService): string {
  const { user, password, host, port, database } = (db.client as { connectionSettings: Record<string, string> })
    .connectionSettings
  return `postgres://${user}:${password}@${host}:${port}/${database}`
}
