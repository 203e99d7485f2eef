// The commands that every process has.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { processSettings, runProcessProgram, type ProcessProgram } from '@sallyport/service-process'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import Type from 'typebox'
import { clusterUrl } from '../../support/database.ts'

const settings = Type.Object(
  {
    ...processSettings({ port: 0, operationsPort: 0 }),
    greeting: Type.String({ description: 'What is said.' }),
    password: Type.Optional(Type.String({ secret: true, description: 'What is not said.' }))
  },
  { additionalProperties: false }
)
const database = { DATABASE_URL: 'postgres://owner:hidden-word@127.0.0.1/none' }

function helloProgram(more: Partial<ProcessProgram<typeof settings, null>> = {}) {
  return {
    definition: { name: 'hello', settings, connect: async () => null, build: async () => Fastify() },
    migrate: async () => {},
    ...more
  } satisfies ProcessProgram<typeof settings, null>
}

/** What a call prints, and its exit code. */
async function callProgram(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  program = helloProgram()
): Promise<{ code: number; out: string; error: string }> {
  const printed = { out: '', error: '' }
  const code = await runProcessProgram(program, {
    call: 'hello',
    version: '1.2.3',
    args,
    environment,
    out: text => {
      printed.out += `${text}\n`
    },
    error: text => {
      printed.error += `${text}\n`
    }
  })
  return { code, ...printed }
}

t.test('help and version are printed, and nothing else is needed for them', async t => {
  for (const args of [[], ['help'], ['--help'], ['-h']]) {
    const { code, out } = await callProgram(args)
    t.equal(code, 0)
    for (const command of ['start', 'migrate', 'settings']) t.match(out, `  ${command}`)
  }
  t.strictSame(await callProgram(['--version']), { code: 0, out: '1.2.3\n', error: '' })
  t.match((await callProgram(['migrate', '--help'])).out, /--app-role <role>/)
})

t.test('a wrong call is named, with exit code 2 and where to look', async t => {
  const calls = [['dance'], ['start', 'now'], ['settings', '--loud'], ['migrate'], ['migrate', '--app-role', 'a']]
  for (const args of calls) {
    const { code, out, error } = await callProgram(args, database)
    t.equal(code, 2, args.join(' '))
    t.equal(out, '')
    t.match(error, /\nSee: hello --help\n$/)
  }
  t.match((await callProgram(['migrate', '--app-role', 'a'], database)).error, /--pruner-role is missing/)
})

t.test('settings lists what can be set, with its file variable, whether it is required, and its default', async t => {
  const { code, out } = await callProgram(['settings'])
  t.equal(code, 0)
  t.match(out, 'SALLYPORT_GREETING\n    text, required\n    What is said.\n')
  t.match(out, 'SALLYPORT_PASSWORD or SALLYPORT_PASSWORD_FILE\n    text\n    What is not said.\n')
  t.match(out, 'SALLYPORT_DRAIN_DELAY_MS\n    whole number, 0 to 300000, default 5000\n')
})

t.test('settings --values shows values and origins and no secret', async t => {
  const environment = { ...database, SALLYPORT_GREETING: 'good morning', SALLYPORT_PASSWORD: 'hidden-word' }
  const { code, out } = await callProgram(['settings', '--values'], environment)
  t.equal(code, 0)
  t.match(out, /greeting +"good morning" +environment SALLYPORT_GREETING/)
  t.match(out, /password +\[secret\] +environment SALLYPORT_PASSWORD/)
  t.notMatch(out, 'hidden-word')
})

t.test('settings explain has values, origins and marks, as a table or as JSON, and no secret', async t => {
  const environment = { ...database, SALLYPORT_GREETING: 'good morning', SALLYPORT_PASSWORD: 'hidden-word' }
  const { code, out } = await callProgram(['settings', 'explain'], environment)
  t.equal(code, 0)
  t.match(out, /^greeting +"good morning" +environment SALLYPORT_GREETING$/m)
  t.match(out, /^logLevel +"info" +default +live, pulled$/m)
  const { out: json } = await callProgram(['settings', 'explain', '--json'], environment)
  const explained: unknown = JSON.parse(json)
  t.ok(Array.isArray(explained) && explained.length > 10)
  t.notMatch(`${out}${json}`, 'hidden-word')
  t.equal((await callProgram(['settings', 'explain'], database)).code, 1, 'a mistake is one here too')
  t.equal((await callProgram(['settings', 'explain', '--values'], environment)).code, 2)
})

t.test('settings --values names every mistake that would end the boot, with exit code 1', async t => {
  const environment = { ...database, SALLYPORT_TRUSTED_PROXIES: '2', SALLYPORT_GREETNG: 'hi' }
  const wrong = await callProgram(['settings', '--values'], environment)
  t.equal(wrong.code, 1)
  t.match(wrong.error, /greeting: is required/)
  t.match(wrong.error, /SALLYPORT_GREETNG: is set in the environment, but there is no such setting/)
  const open = { ...database, SALLYPORT_GREETING: 'hi', SALLYPORT_HOST: '192.0.2.1' }
  t.match((await callProgram(['settings', '--values'], open)).error, /host: plain HTTP on 192\.0\.2\.1/)
})

t.test('a command of its own gets its arguments, its environment and how it was called', async t => {
  const seen: unknown[] = []
  const furtherCommands = {
    help: 'users …',
    run: async (...all: unknown[]) => {
      seen.push(...all)
      return 7
    }
  }
  const program = helloProgram({ furtherCommands })
  t.equal((await callProgram(['users', 'list'], database, program)).code, 7)
  t.strictSame(seen, [['users', 'list'], database, 'hello'])
  t.match((await callProgram(['--help'], {}, program)).out, '  users …')
})

/** Migrates by the owner's URL in a file, with `migrate` as it is given. */
async function migrateBy(t: Test, url: string, migrate: ProcessProgram<typeof settings, null>['migrate']) {
  const file = join(t.testdir(), 'database-url')
  writeFileSync(file, `${url}\n`)
  // Whatever else the process is told is not read.
  const environment = { DATABASE_URL_FILE: file, SALLYPORT_GREETING: 'hi', SALLYPORT_OTHER: 'unknown' }
  const args = ['migrate', '--app-role', 'hello_app', '--pruner-role', 'hello_pruner']
  return await callProgram(args, environment, helloProgram({ migrate }))
}

t.test('migrate hands over the database of DATABASE_URL and the names of the roles, and no other setting', async t => {
  const seen: unknown[] = []
  const { code, out } = await migrateBy(t, clusterUrl(), async (db, roles) => {
    seen.push((await db.raw('select 1 as one')).rows, roles)
  })
  t.strictSame(seen, [[{ one: 1 }], { appRole: 'hello_app', prunerRole: 'hello_pruner' }])
  t.equal(code, 0)
  t.equal(out, 'the database of hello is up to date\n')
})

t.test('a migration that fails, and a database that cannot be reached safely or at all, are exit code 1', async t => {
  const failed = await migrateBy(t, clusterUrl(), async db => {
    await db.raw('select * from nowhere_at_all')
  })
  t.equal(failed.code, 1)
  t.match(failed.error, /nowhere_at_all/)
  const open = await migrateBy(t, 'postgres://owner:hidden-word@192.0.2.1/hello', async () => {})
  t.equal(open.code, 1)
  t.match(open.error, /databaseUrl: reaches 192\.0\.2\.1 without verified TLS/)
  t.notMatch(open.error, 'hidden-word')
  const closed = await migrateBy(t, 'postgres://owner:hidden-word@127.0.0.1:1/hello', async db => {
    await db.raw('select 1')
  })
  t.equal(closed.code, 1)
  t.match(closed.error, /ECONNREFUSED/)
  t.notMatch(closed.error, 'hidden-word')
})
