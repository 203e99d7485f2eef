import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { runCreateService } from '@sallyport/create-service'
import { check } from 'prettier'
import t, { type Test } from 'tap'
import { markdownMistakes } from '../support/markdown-form.ts'
import { readJson } from '../support/packages.ts'

/** An empty folder to work in, and what the command does and prints there. */
function commandIn(t: Test) {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-create-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const run = (...args: string[]): { code: number; printed: string } => {
    let printed = ''
    const code = runCreateService(args, { directory, print: text => (printed += text) })
    return { code, printed }
  }
  const files = (folder: string): Map<string, string> =>
    new Map(
      readdirSync(join(directory, folder), { recursive: true, withFileTypes: true })
        .filter(entry => entry.isFile())
        .map(({ parentPath, name }) => [
          join(parentPath, name).slice(join(directory, folder).length + 1),
          readFileSync(join(parentPath, name), 'utf8')
        ])
    )
  return { directory, run, files }
}

/** The same in a folder that looks like the repository. */
function commandInRepository(t: Test) {
  const command = commandIn(t)
  mkdirSync(join(command.directory, 'reference-services/service-kit'), { recursive: true })
  return command
}

t.test('a service has its name everywhere, in every spelling, and the version of the project', async t => {
  const { run, files } = commandInRepository(t)
  t.equal(run('gift-entry-service').code, 0)
  const made = files('reference-services/gift-entry-service')
  t.ok(made.has('src/routes/gift-entries.ts') && made.has('test/gift-entries.test.ts'))
  t.ok(made.has('bin/sallyport-gift-entry-service.mjs'))
  t.match(made.get('src/migrations.ts'), /create table "gift_entries"[^]*gift_entry_id/)
  t.match(made.get('src/routes/gift-entries.ts'), /access: mayWriteGiftEntry[^]*giftEntryId/)
  for (const [file, text] of made) t.notMatch(`${file} ${text}`, /sample|0\.0\.0|8099/i, file)
  const { version } = readJson('package.json') as { version: string }
  t.match(JSON.parse(made.get('package.json') ?? ''), {
    name: '@sallyport/gift-entry-service',
    version,
    dependencies: { '@sallyport/service-kit': version }
  })
})

t.test('each service gets the port after those that are there', async t => {
  const { run, files } = commandInRepository(t)
  for (const name of ['first', 'second']) run(`${name}-service`)
  t.match(files('reference-services/first-service').get('src/descriptor.ts'), 'port: 8082')
  t.match(files('reference-services/second-service').get('src/descriptor.ts'), 'port: 8083')
})

t.test('what is made is formatted, whatever the length of its name', async t => {
  const { run, files } = commandInRepository(t)
  const options = readJson('.prettierrc.json') as object
  for (const name of ['a-service', 'rating-service', 'twenty-two-letters-abc-service']) {
    t.equal(run(name).code, 0)
    for (const [file, text] of files(`reference-services/${name}`)) {
      if (file.endsWith('.md')) t.strictSame(markdownMistakes(text), [], file)
      if (file.endsWith('.ts')) t.ok(await check(text, { ...options, parser: 'typescript' }), `${name}: ${file}`)
    }
  }
})

t.test('an app of its own has its name, and nothing of the kit', async t => {
  const { run, files } = commandIn(t)
  t.equal(run('--standalone', 'my-reports').code, 0)
  const made = files('my-reports')
  t.match(made.get('README.md'), /^# my-reports\n/)
  t.equal(made.get('.gitignore'), 'node_modules/\n')
  t.notOk(made.has('gitignore'))
  for (const [file, text] of made) t.notMatch(`${file} ${text}`, /sample|0\.0\.0|service-kit|@sallyport\/local/i, file)
})

t.test('a folder that exists is left as it is', async t => {
  const { directory, run, files } = commandInRepository(t)
  for (const args of [['kept-service'], ['--standalone', 'kept']]) {
    const folder = args[0] === 'kept-service' ? 'reference-services/kept-service' : 'kept'
    mkdirSync(join(directory, folder))
    writeFileSync(join(directory, folder, 'README.md'), 'mine')
    const { code, printed } = run(...args)
    t.equal(code, 1)
    t.match(printed, /kept.* exists; nothing was changed/)
    t.strictSame([...files(folder)], [['README.md', 'mine']])
  }
})

t.test('a name that is none is refused, and nothing is made', async t => {
  const { directory, run } = commandInRepository(t)
  for (const name of ['Rating-service', '../rating-service', '-service', 'a--service', '1-service', 'a b-service']) {
    t.match(run('--', name), { code: 1, printed: /is no name/ }, name)
    t.match(run('--standalone', '--', name), { code: 1, printed: /is no name/ }, name)
  }
  t.match(run('a'.repeat(23).concat('-service')), { code: 1, printed: /at most 30/ })
  t.match(run('rating'), { code: 1, printed: 'does not end with "-service": rating-service?' })
  t.strictSame(readdirSync(join(directory, 'reference-services')), ['service-kit'])
  t.strictSame(readdirSync(directory), ['reference-services'])
})

t.test('a service outside the repository is refused, with what to do instead', async t => {
  const { directory, run } = commandIn(t)
  t.match(run('rating-service'), { code: 1, printed: /root of the repository, or make an app of its own/ })
  t.notOk(existsSync(join(directory, 'reference-services')))
})

t.test('a call that is none gets the help and exit code 2, and --help is no mistake', async t => {
  const { run } = commandIn(t)
  for (const args of [[], ['one-service', 'two-service'], ['--overwrite', 'one-service']]) {
    t.match(run(...args), { code: 2, printed: /--standalone/ })
  }
  t.match(run('--help'), { code: 0, printed: /npm run create-service/ })
})

t.test('an older Node is told in one line which one is needed, and nothing else happens', async t => {
  const older = '{ ...process.versions, node: "20.20.2" }'
  const pretend = `data:text/javascript,Object.defineProperty(process, "versions", { value: ${older} })`
  const main = join(import.meta.dirname, '../../deploy/create-service/main.mjs')
  const ended = await promisify(execFile)(process.execPath, ['--import', pretend, main, '--standalone', 'a'], {
    cwd: t.testdir()
  }).catch((error: unknown) => error)
  const { engines } = readJson('deploy/create-service/package.json') as { engines: { node: string } }
  t.match(ended, {
    code: 1,
    stdout: '',
    stderr: `create-service needs Node ${engines.node.slice(2)} or later, and this is Node 20.20.2\n`
  })
})
