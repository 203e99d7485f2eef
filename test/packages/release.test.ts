// A release publishes from a clean main in CI only, and a dry run never.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { readJson, ROOT, workspaces, type Manifest } from '../support/packages.ts'
import {
  publishingOrder,
  release,
  releaseRefusals,
  type ReleaseFacts,
  type ReleaseSteps
} from '../support/release/release.ts'

const run = promisify(execFile)
const READY: ReleaseFacts = { branch: 'main', changedFiles: [], pendingChangesets: [], isCi: true }
const packages = workspaces().filter(({ published }) => published)

function recorded(facts: ReleaseFacts, more: Partial<ReleaseSteps> = {}): { seen: string[]; steps: ReleaseSteps } {
  const seen: string[] = []
  const packed = ['a', 'b'].map(name => ({ name, version: '1.0.0', file: name, fileCount: 3, sizeBytes: 2048 }))
  const steps = {
    facts: () => facts,
    build: () => seen.push('build'),
    check: () => seen.push('check'),
    pack: () => packed,
    isPublished: () => false,
    publish: ({ name }: { name: string }) => seen.push(`publish ${name}`),
    print: (line: string) => seen.push(line),
    ...more
  }
  return { seen, steps }
}

t.test('a dry run builds, checks, packs and says what would be published, and publishes nothing', async t => {
  const { seen, steps } = recorded({ ...READY, branch: 'elsewhere' })
  t.equal(release(steps, { dryRun: true }), true)
  t.strictSame(seen, [
    'would be refused: the branch is elsewhere, not main',
    'build',
    'check',
    'would publish a 1.0.0, 3 files, 2 KiB',
    'would publish b 1.0.0, 3 files, 2 KiB',
    'dry run: nothing was published'
  ])
})

t.test('a release publishes what is not there yet, after the checks', async t => {
  const { seen, steps } = recorded(READY, { isPublished: ({ name }) => name === 'a' })
  t.equal(release(steps, { dryRun: false }), true)
  t.strictSame(seen, [
    'build',
    'check',
    'is there already: a 1.0.0, 3 files, 2 KiB',
    'publish b',
    'published b 1.0.0, 3 files, 2 KiB'
  ])
})

t.test('a check that fails ends it before anything is published', async t => {
  const { seen, steps } = recorded(READY, {
    check: () => {
      throw new Error('not well formed')
    }
  })
  t.throws(() => release(steps, { dryRun: false }), { message: 'not well formed' })
  t.strictSame(seen, ['build'])
})

t.test('it refuses another branch, uncommitted files, changesets without a version and a desk', async t => {
  t.strictSame(releaseRefusals(READY), [])
  for (const facts of [
    { ...READY, branch: 'topic' },
    { ...READY, changedFiles: ['?? x'] },
    { ...READY, pendingChangesets: ['x.md'] },
    { ...READY, isCi: false }
  ]) {
    const { seen, steps } = recorded(facts)
    t.equal(release(steps, { dryRun: false }), false)
    t.equal(seen.length, 1)
    t.match(seen[0], /^refused: /)
  }
})

t.test('npm run release refuses outside CI, before it builds', async t => {
  const environment = { ...process.env, CI: '' }
  await t.rejects(run('npm', ['run', '--silent', 'release'], { cwd: ROOT, env: environment }), {
    code: 1,
    stdout: /refused: CI is not set/
  })
})

t.test('what a package needs of ours is published before it', async t => {
  const order = publishingOrder(packages).map(({ name }) => name)
  t.same(order.toSorted(), packages.map(({ name }) => name).toSorted())
  for (const { name, folder } of packages) {
    const { dependencies, peerDependencies } = readJson(join(folder, 'package.json')) as Manifest
    for (const needed of Object.keys({ ...dependencies, ...peerDependencies })) {
      if (order.includes(needed)) t.ok(order.indexOf(needed) < order.indexOf(name), `${needed} before ${name}`)
    }
  }
})

t.test('changesets release all packages under one version, and the newest is in each changelog', async t => {
  const { fixed } = readJson('.changeset/config.json') as { fixed: unknown }
  t.same(fixed, [['@sallyport/*']])
  for (const { folder, name } of packages) {
    const { version } = readJson(join(folder, 'package.json')) as Manifest
    const changelog = readFileSync(join(ROOT, folder, 'CHANGELOG.md'), 'utf8')
    t.ok(changelog.startsWith(`# ${name}\n\n## ${version}\n`), name)
    t.match(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'), `(${folder}/CHANGELOG.md)`)
  }
  for (const { folder, published } of workspaces()) {
    if (!published) t.notOk(existsSync(join(ROOT, folder, 'CHANGELOG.md')), folder)
  }
})
