import { readFileSync } from 'node:fs'
import { buildApp, migrate, postgresStore, runCommand, admin } from '@sallyport/auth-server'
import t from 'tap'
import { administration } from '../support/administration.ts'
import { CHEAP, claimsOf, post, SETTINGS } from '../support/authorization-server.ts'
import { testDatabase } from '../support/database.ts'

const README = new URL('../../auth-server/README.md', import.meta.url)

/** The commands of the block that begins with an audience, as a shell would split them. */
function commandsOfReadme(): string[][] {
  const [, block = ''] =
    /```sh manual\n(npm run auth -- audiences create[^`]*)```/.exec(readFileSync(README, 'utf8')) ?? []
  return block
    .trim()
    .split('\n')
    .map(line => [...(line.split('npm run auth -- ')[1] ?? '').matchAll(/"([^"]*)"|(\S+)/g)])
    .map(words => words.map(([, quoted, plain]) => quoted ?? plain ?? ''))
}

t.test('the example of the README gives a token on an empty database', async t => {
  const { db } = await testDatabase(t, 'auth-server-empty', async db => {
    await migrate(db, { appRole: 'postgres', prunerRole: 'postgres' })
  })
  const commands = commandsOfReadme()
  t.equal(commands.length, 5)
  let secret = ''
  for (const command of commands) {
    const printed: string[] = []
    const code = await runCommand([...command, '--json'], async () => administration(db), {
      out: text => printed.push(text),
      error: text => printed.push(text),
      readStdin: async () => 'a password that nobody guesses'
    })
    t.equal(code, 0, `${command.join(' ')}: ${printed.join()}`)
    secret = JSON.parse(printed.join()).secret ?? secret
  }
  const app = await buildApp(SETTINGS, { store: postgresStore(db), passwordParameters: CHEAP })
  t.after(async () => {
    await app.close()
  })
  const credentials = { grant_type: 'client_credentials', client_id: 'reports', client_secret: secret }
  const { status, body } = await post(app, '/oauth2/token', null, credentials)
  t.equal(status, 200)
  t.match(claimsOf(body.access_token), { aud: 'order-service', scope: 'orders:read', client_id: 'reports' })
})

t.test(
  'the first boot makes the scopes, the audience and the role of the server itself, once, and tells the trail',
  async t => {
    const { db } = await testDatabase(t, 'auth-server-empty', async db => {
      await migrate(db, { appRole: 'postgres', prunerRole: 'postgres' })
    })
    const actions: string[] = []
    const parts = {
      ...administration(db),
      audit: async (_store: unknown, { action }: { action: string }) => {
        actions.push(action)
      }
    }
    await Promise.all([admin.createOwnRows(parts), admin.createOwnRows(parts)])
    await admin.createOwnRows(parts)
    t.strictSame(actions, ['registry.first-boot'])
    const scopes = await parts.store.scopes.ofAudience('auth-server')
    t.strictSame(
      scopes.map(({ name, requiredRole }) => [name, requiredRole]),
      [
        ['admin', 'ADMIN'],
        ['audit:personal', 'ADMIN'],
        ['audit:read', 'ADMIN'],
        ['operations', 'ADMIN']
      ]
    )
    for (const refused of [
      async () => await admin.disableScope(parts, { name: 'admin', audience: 'auth-server' }),
      async () => await admin.deleteScope(parts, { name: 'audit:read', audience: 'auth-server' }),
      async () => await admin.changeScope(parts, { name: 'admin', audience: 'auth-server' }, { requiredRole: null }),
      async () => await admin.disableRole(parts, 'ADMIN'),
      async () => await admin.deleteRole(parts, 'ADMIN'),
      async () => await admin.disableAudience(parts, 'auth-server'),
      async () => await admin.deleteAudience(parts, 'auth-server')
    ]) {
      await t.rejects(
        async () => {
          await refused()
        },
        { code: 'SALLYPORT_AUTH_SERVER_IN_USE' }
      )
    }
  }
)
