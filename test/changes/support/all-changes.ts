import { after, all, before, instead, type Change } from './change.ts'

const AUTH_SERVER_README = 'auth-server/README.md'
const METHODS = 'auth-server/src/protocol/client-authentication/methods.ts'
const MIGRATIONS = 'auth-server/src/store/migrations/index.ts'

/** The changes that CONTRIBUTING.md has a section for, by the names of their folders below `files`. */
export const CHANGES: Readonly<Record<string, Change>> = {
  'client-authentication-method': {
    title: 'a client authentication method',
    edits: {
      [METHODS]: all(
        before(
          'import { clientSecretBasicMethod, clientSecretPostMethod }',
          "import { tlsKeyClientAuth } from './methods/certificate-key.ts'\n"
        ),
        before('  none: publicClient', '  tls_key_client_auth: tlsKeyClientAuth,\n')
      ),
      [AUTH_SERVER_README]: before(
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
        before('\ninterface ListedMigration', "import * as sessionIdle from './NNN-session-idle.ts'\n"),
        instead('.migration\n]', '.migration,\n  sessionIdle.migration\n]')
      ),
      'auth-server/src/accounts/sessions/start-session.ts': instead(
        'const { idleSeconds, absoluteSeconds } = server.lifetimes.sessions[wanted.kind]',
        'const { idleSeconds: usual, absoluteSeconds } = server.lifetimes.sessions[wanted.kind]\n' +
          '  const idleSeconds = client.sessionIdleSeconds ?? usual'
      ),
      [AUTH_SERVER_README]: before(
        '| `backchannelLogoutUri` |',
        '| `sessionIdleSeconds` | `--session-idle-seconds` | how long its sessions live without use |\n'
      )
    },
    tests: [
      'test/auth-server/session-idle.test.ts',
      'test/auth-server/client-tables.test.ts',
      'test/auth-server/store-contract.test.ts'
    ]
  },
  'audit-field': {
    title: 'a field of audit rows',
    edits: {
      'plugins/audit-log/src/record.ts': all(
        before(
          '  /** How many refusals the row stands for. */',
          '  /** The machine that wrote the row. */\n  readonly instance: string | null\n'
        ),
        instead('export const CURRENT_VERSION = 3', 'export const CURRENT_VERSION = 4'),
        instead('type Version = 1 | 2 | typeof', 'type Version = 1 | 2 | 3 | typeof'),
        before(
          "  repeats: { column: 'repeats'",
          "  instance: { column: 'instance', stored: 'text', since: 4, before: null },\n"
        )
      ),
      'plugins/audit-log/src/migrations.ts': all(
        after(
          "'0009-audit-holds': { up: db => addHolds(db, roles), down: dropHolds }",
          ",\n    '0010-audit-record-version-4': { up: db => addVersion4(db, roles), down: dropVersion4 }"
        ),
        before(
          '/** With each page of seals',
          `/** The pruner writes rows too: those of its own work. */
async function addVersion4(db: Knex, { appRole, prunerRole }: AuditRoles): Promise<void> {
  await alterBriefly(
    db,
    \`
    alter table audit_events
      add column instance text,
      add constraint audit_events_version_3 check (version > 3 or instance is null) not valid\`
  )
  await db.raw('grant insert (instance) on audit_events to ??, ??', [appRole, prunerRole])
}

async function dropVersion4(db: Knex): Promise<void> {
  const { rows } = await db.raw<{ rows: unknown[] }>('select from audit_events where version > 3 limit 1')
  if (rows.length > 0) throw new Error('there are audit rows of version 4, which cannot go back to version 3')
  await db.raw('alter table audit_events drop column instance')
}

`
        )
      ),
      'plugins/audit-log/src/build-record.ts': all(
        before('import type { Actor, AuditEvent', "import { hostname } from 'node:os'\n"),
        before('    repeats: 1', '    instance: cleanText(hostname()),\n')
      ),
      'plugins/audit-log/src/pruning-mark.ts': instead('  nameTried: null', '  nameTried: null,\n  instance: null'),
      'plugins/audit-log/docs/trail.md': before(
        '| `repeats` |',
        '| `instance` | the name of the machine that wrote the row |\n'
      ),
      // They write rows by hand, and name a version that nobody knows yet.
      'test/plugins/audit-log/versions.test.ts': all(
        text => text.replaceAll('version = 4 where', 'version = 5 where').replace('knows version 4', 'knows version 5'),
        instead('versions.get(action))), new Set([3]))', 'versions.get(action))), new Set([4]))'),
        instead("!== '0008-audit-record-version-3'", "!== '0010-audit-record-version-4'"),
        instead('/version 3/)', '/version 4/)')
      ),
      'test/plugins/audit-log/prune-attacks.test.ts': all(
        instead(',"issuer":null,"nameTag"', ',"instance":null,"issuer":null,"nameTag"'),
        instead('"txn":null,"version":3', '"txn":null,"version":4')
      )
    },
    tests: [
      'test/plugins/audit-log/instance.test.ts',
      'test/plugins/audit-log/versions.test.ts',
      'test/plugins/audit-log/prune-attacks.test.ts'
    ]
  },
  metric: {
    title: 'a metric',
    edits: {
      'plugins/metrics/src/index.ts': all(
        before('import { createEventCounter }', "import { measureRequestsInFlight } from './requests-in-flight.ts'\n"),
        before('  const observeDuration =', '  measureRequestsInFlight(fastify, registry)\n')
      ),
      'plugins/metrics/README.md': before(
        '| `sallyport_http_requests_aborted_total` |',
        '| `http_server_active_requests` | | requests without a complete answer |\n'
      )
    },
    tests: ['test/plugins/metrics/requests-in-flight.test.ts', 'test/plugins/metrics/metrics.test.ts']
  },
  strategy: {
    title: 'a way to authenticate at the edge',
    edits: {
      'reference-gateway/src/app.ts': all(
        before('import { endOpenAnswers }', "import { badgeStrategy } from './badge-strategy.ts'\n"),
        before('    ...(tokenClient && { basic: { tokenClient', '    strategies: [badgeStrategy],\n')
      )
    },
    tests: ['test/reference-gateway/badge-strategy.test.ts', 'test/reference-gateway/app.test.ts']
  },
  service: {
    title: 'a service',
    generate: ['deploy/create-service/main.mjs', 'rating-service'],
    edits: {
      'deploy/local/src/services.ts': after(
        "import('@sallyport/delivery-service/descriptor')",
        ",\n  import('@sallyport/rating-service/descriptor')"
      ),
      'deploy/local/gateway.yaml': all(
        after(
          `\n    origin: \${DELIVERY_SERVICE_ORIGIN}`,
          `\n  rating-service:\n    origin: \${RATING_SERVICE_ORIGIN}`
        ),
        before(
          '\n  # The audit trail of each process',
          [
            '  - path: /ratings/*',
            '    upstream: rating-service',
            '    forward: { audience: rating-service }',
            '    access: authenticated',
            ''
          ].join('\n')
        )
      )
    },
    tests: [
      'reference-services/rating-service/test/ratings.test.ts',
      'test/deploy/services.test.ts',
      'test/docs/named-files.test.ts',
      'test/reference-gateway/route-commands.test.ts',
      'test/e2e/launcher.drill.ts'
    ],
    made: 'reference-services/rating-service',
    breakages: [
      {
        what: 'the route without its policy',
        file: 'reference-services/rating-service/src/routes/ratings.ts',
        edit: instead('access: mayWriteRating', "access: 'authenticated' as const"),
        test: 'reference-services/rating-service/test/ratings.test.ts'
      },
      {
        what: 'the route without its audit row',
        file: 'reference-services/rating-service/src/routes/ratings.ts',
        edit: instead("audit: { action: 'rating.write', resource }", "audit: 'none' as const"),
        test: 'reference-services/rating-service/test/ratings.test.ts'
      }
    ]
  }
}
