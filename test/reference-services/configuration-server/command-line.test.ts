// The commands of an operator, on the server's database and in its audit trail.
import { readFileSync } from 'node:fs'
import { runConfigurationCommands } from '@sallyport/configuration-server'
import t from 'tap'
import { get, ofApplication, startServer } from './support/configuration-server.ts'
import { commandLine } from './support/command-line.ts'

const CANARY = 'canary-from-standard-input'
const KEY = ['orders', 'default', 'main'] as const

t.test('an operator sets, shows, compares, rolls back and removes, and each change is in the trail', async t => {
  const server = await startServer(t)
  const terminal = commandLine()
  const run = async (...args: string[]) =>
    await runConfigurationCommands(args, terminal.environment(server), 'sallyport-configuration-server', terminal)
  const answer = () => JSON.parse(terminal.printed.at(-1) ?? '')

  await t.test('a wrong call is 2 with its usage, a refusal is 1, and neither changes anything', async t => {
    for (const args of [
      ['nothing'],
      ['show'],
      ['show', '..', 'default', 'main'],
      ['show', 'a/b', 'default', 'main'],
      ['set', ...KEY],
      ['set', ...KEY, 'no-value'],
      ['set', ...KEY, '../a=1'],
      ['set', ...KEY, 'a=null'],
      ['set-secret', ...KEY],
      ['set-secret', ...KEY, 'empty'],
      ['diff', ...KEY, '1'],
      ['rollback', ...KEY, 'latest'],
      ['reencrypt', 'all']
    ]) {
      t.equal(await run(...args), 2, args.join(' '))
      t.match(terminal.printed.at(-1), 'sallyport-configuration-server ')
    }
    t.equal(await run('show', ...KEY), 1)
    t.equal(await run('set', ...KEY, `databasePassword=${CANARY}`), 1, 'a secret in an argument')
    t.notMatch(terminal.printed.join(), CANARY)
    t.strictSame(await server.owner('configurations'), [])
  })

  t.equal(await run('help'), 0)
  t.equal(await run('set', ...KEY, 'limit=5', 'name=a text', 'nested={"a":[1]}'), 0)
  t.strictSame(answer(), { version: 1, isChanged: true })
  terminal.type(`${CANARY}\n`)
  t.equal(await run('set-secret', ...KEY, 'databasePassword'), 0)
  t.equal(await run('set', ...KEY, 'limit=6'), 0)
  t.equal(await run('show', ...KEY), 0)
  t.strictSame(answer(), {
    version: 3,
    values: { limit: 6, name: 'a text', nested: { a: [1] } },
    secrets: { databasePassword: null }
  })
  t.equal((await get(server, '/orders/default')).json().propertySources[0].source.databasePassword, CANARY)
  t.equal(await run('diff', ...KEY, '1', '3'), 0)
  t.match(answer(), { added: { databasePassword: '[secret]' }, changed: { limit: { before: 5, after: 6 } } })
  t.equal(await run('unset', ...KEY, 'databasePassword', 'name'), 0)
  t.equal(await run('rollback', ...KEY, '2'), 0)
  t.strictSame(answer(), { version: 5, isChanged: true })
  t.equal(await run('versions', ...KEY), 0)
  t.match(answer(), [{ version: 5, restoredVersion: 2, author: 'command-line' }, { version: 4 }])
  t.equal(await run('list'), 0)
  t.strictSame(answer(), [{ application: 'orders', profile: 'default', label: 'main', version: 5 }])
  const plain = await ofApplication('orders', 'config:read')
  t.equal((await get(server, '/orders/default', plain)).statusCode, 403, 'the secret is there again')

  t.notMatch(terminal.printed.join(), CANARY)
  const rows = await server.audit()
  t.equal(rows.filter(({ subject, outcome }) => subject === 'command-line' && outcome === 'success').length, 5)
  t.notMatch(JSON.stringify(rows), CANARY)
  const ofCommands = rows.filter(({ subject }) => subject === 'command-line')
  t.match(
    new Set(ofCommands.map(row => row.configuration_version)),
    new Set([/^1:[\w-]{16}$/]),
    'and says which settings the command had'
  )
})

const README = new URL('../../../reference-services/configuration-server/README.md', import.meta.url)

t.test('the commands of the README work as written, with the database and the key ring alone', async t => {
  const server = await startServer(t)
  const terminal = commandLine()
  const { DATABASE_URL, SALLYPORT_SEALING_KEYS } = terminal.environment(server)
  const [, block = ''] = /```sh manual\n(export DATABASE_URL_FILE[^`]*)```/.exec(readFileSync(README, 'utf8')) ?? []
  const calls = block.split('\n').flatMap(line => line.split('npm run configuration -- ').slice(1))
  t.equal(calls.length, 8)
  terminal.type(CANARY)
  for (const call of calls) {
    const environment = { DATABASE_URL, SALLYPORT_SEALING_KEYS }
    t.equal(await runConfigurationCommands(call.split(' '), environment, 'npm run configuration --', terminal), 0, call)
  }
  const versions = await server.owner('configuration_versions').orderBy('version').pluck('plain_values')
  t.strictSame(
    versions.map(text => JSON.parse(text)),
    [
      { logLevel: 'debug', ordersPerMinute: 60 },
      { logLevel: 'debug', ordersPerMinute: 60 },
      { logLevel: 'debug', ordersPerMinute: 90 },
      { logLevel: 'debug', ordersPerMinute: 60 }
    ]
  )
})
