import { all, before, instead, type Change } from './change.ts'

const README_METHODS = 'auth-server/README.md'
const METHODS = 'auth-server/src/protocol/client-authentication/methods.ts'
const MIGRATIONS = 'auth-server/src/store/migrations/index.ts'

/** The changes that CONTRIBUTING.md has a row for, by the names of their folders below `files`. */
export const CHANGES: Readonly<Record<string, Change>> = {
  'client-authentication-method': {
    title: 'a client authentication method',
    edits: {
      [METHODS]: all(
        before(
          'import { clientSecretBasic, clientSecretPost }',
          "import { tlsKeyClientAuth } from './methods/certificate-key.ts'\n"
        ),
        before('  none: publicClient', '  tls_key_client_auth: tlsKeyClientAuth,\n')
      ),
      [README_METHODS]: before(
        '| `none` |',
        '| `tls_key_client_auth` | `jwks` | the certificate is for one of these keys |\n'
      )
    },
    tests: [
      'test/auth-server/certificate-key.test.ts',
      'test/auth-server/client-tables.test.ts',
      'test/auth-server/keys-and-metadata.test.ts'
    ]
  },
  'idle-lifetime': {
    title: 'a field of clients, such as an idle lifetime',
    edits: {
      'auth-server/src/store/client-fields.ts': before(
        '  /** Where it hears of its sessions that ended;',
        `  /** How long its sessions live without use, in seconds; \`null\`: as long as the server's setting says. */
  sessionIdleSeconds: nullable(Type.Integer({ minimum: 1 }), {
    sample: 1,
    takes: 'number',
    option: ['session-idle-seconds', 'how long its sessions live without use']
  }),
`
      ),
      [MIGRATIONS]: all(
        before('\ninterface NamedMigration', "import * as sessionIdle from './NNN-session-idle.ts'\n"),
        instead('.migration\n]', '.migration,\n  sessionIdle.migration\n]')
      ),
      'auth-server/src/accounts/sessions/start-session.ts': instead(
        'const { idleSeconds, absoluteSeconds } = server.lifetimes.sessions[wanted.kind]',
        'const { idleSeconds: usual, absoluteSeconds } = server.lifetimes.sessions[wanted.kind]\n' +
          '  const idleSeconds = wanted.client.sessionIdleSeconds ?? usual'
      ),
      [README_METHODS]: before(
        '| `backchannelLogoutUri` |',
        '| `sessionIdleSeconds` | `--session-idle-seconds` | how long its sessions live without use |\n'
      )
    },
    tests: [
      'test/auth-server/session-idle.test.ts',
      'test/auth-server/client-tables.test.ts',
      'test/auth-server/store-contract.test.ts'
    ]
  }
}
