// What is the same in every package.json, and what each of them says about itself.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { readJson, ROOT, workspaces, type Manifest } from '../support/packages.ts'

const all = workspaces().map(workspace => ({ ...workspace, manifest: manifestAt(workspace.folder) }))
const published = all.filter(each => each.published)
const root = manifestAt('.')
const repository = root.repository?.url.replace(/^git\+|\.git$/g, '') ?? ''

function manifestAt(folder: string): Manifest {
  return readJson(join(folder, 'package.json')) as Manifest
}

/** The packages that the sources of a folder import, without Node's own. */
function importedBy(folder: string): string[] {
  const files = globSync('src/**/*.ts', { cwd: join(ROOT, folder) })
  const specifiers = files.flatMap(file =>
    ts.preProcessFile(readFileSync(join(ROOT, folder, file), 'utf8')).importedFiles.map(({ fileName }) => fileName)
  )
  const names = specifiers
    .filter(specifier => !specifier.startsWith('.') && !isBuiltin(specifier))
    .map(specifier => (/^@[^/]+\/[^/]+|^[^/]+/.exec(specifier) ?? [''])[0])
  return [...new Set(names)].sort()
}

for (const { folder, name, manifest, published } of all) {
  t.test(`${name} is one of the family`, async t => {
    t.equal(manifest.version, root.version, 'one version for all')
    t.equal(manifest.license, 'MIT')
    t.equal(manifest.type, 'module')
    t.ok(manifest.description)
    t.same(manifest.engines, { node: '>=22.19' })
    if (!published) t.equal(manifest.publishConfig, undefined, 'what is private is not prepared to be published')
    else t.equal(name, `@sallyport/${basename(folder)}`)
  })
}

for (const { folder, name, manifest } of published) {
  t.test(`${name} says where it comes from, what is in it and what it needs`, async t => {
    t.same(manifest.repository, { ...root.repository, directory: folder })
    t.equal(manifest.homepage, `${repository}/tree/main/${folder}#readme`)
    t.same(manifest.bugs, { url: `${repository}/issues` })
    t.same(manifest.publishConfig, { access: 'public' })
    const programs = manifest.bin === undefined ? [] : ['bin']
    t.same(manifest.files, [...programs, 'dist', 'src', 'README.md', 'CHANGELOG.md', 'LICENSE'])
    t.equal(readFileSync(join(ROOT, folder, 'LICENSE'), 'utf8'), readFileSync(join(ROOT, 'LICENSE'), 'utf8'))
    t.ok((manifest.keywords?.length ?? 0) >= 6 && manifest.keywords?.includes('fastify-plugin'))
    t.equal(new Set(manifest.keywords).size, manifest.keywords?.length)
  })

  t.test(`${name} exports sources, types and code, and says which of them act when they are imported`, async t => {
    const acting: string[] = []
    for (const [path, target] of Object.entries(manifest.exports ?? {})) {
      const source = target['@sallyport/source'] ?? ''
      const built = source.replace('./src/', './dist/').replace(/\.ts$/, '')
      t.ok(existsSync(join(ROOT, folder, source)), `${path} is there`)
      t.strictSame(Object.entries(target), [
        ['@sallyport/source', source],
        ['types', `${built}.d.ts`],
        ['default', `${built}.js`]
      ])
      if (!/^export /m.test(readFileSync(join(ROOT, folder, source), 'utf8'))) acting.push(`${built}.js`, source)
    }
    t.same(manifest.sideEffects, acting.length === 0 ? false : acting)
  })

  t.test(`${name} has as dependencies what it imports, and as peers what the app has too`, async t => {
    const { dependencies = {}, peerDependencies = {} } = manifest
    t.same(Object.keys({ ...dependencies, ...peerDependencies }).sort(), importedBy(folder))
    for (const shared of ['fastify', 'knex', '@sallyport/security-context']) t.notOk(dependencies[shared], shared)
    t.equal(peerDependencies.fastify, '^5.0.0')
    for (const [other, range] of Object.entries(dependencies)) {
      if (other.startsWith('@sallyport/')) t.equal(range, root.version, `${other} is released together with it`)
    }
  })
}
