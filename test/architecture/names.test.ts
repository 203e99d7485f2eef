// What `npm run check:names` finds: names that one search cannot tell apart, in sources planted for it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, readSources } from '../support/packages.ts'
import { compareWithBaseline, nameFaults, namesDeclaredIn, shrunk, type NameBaseline } from '../support/source-names.ts'

const faultsIn = (sources: Record<string, string>): string[] =>
  nameFaults(new Map(Object.entries(sources))).map(({ folder, name }) => `${folder}: ${name}`)

t.test('the sources have no fault that the baseline does not name, and the baseline none that is gone', async t => {
  const baseline = JSON.parse(readFileSync(join(ROOT, 'test/support/names-baseline.json'), 'utf8')) as NameBaseline
  const { added, gone } = compareWithBaseline(nameFaults(readSources()), baseline)
  t.strictSame(added, [])
  t.strictSame(gone, [])
})

t.test(
  'a name that two files declare is found in both packages, whatever it names and whether exported or not',
  async t => {
    for (const declaration of [
      'export function readKeyRing(): void {}',
      'const readKeyRing = 1',
      'export interface readKeyRing {}',
      'type readKeyRing = string',
      'class readKeyRing {}',
      'enum readKeyRing {}',
      'const { readKeyRing } = keys',
      'const { inner: [readKeyRing] } = keys'
    ]) {
      t.strictSame(
        faultsIn({
          'plugins/one/src/keys.ts': 'function readKeyRing(): void {}',
          'auth-server/src/deep/ring.ts': declaration
        }),
        ['plugins/one: readKeyRing', 'auth-server: readKeyRing'],
        declaration
      )
    }
  }
)

t.test(
  'a name may stand for a value and its type in one file, and be the name of a local variable anywhere',
  async t => {
    t.strictSame(
      faultsIn({
        'plugins/one/src/keys.ts':
          'export const KeyRing = Type.Object({}); export type KeyRing = Static<typeof KeyRing>',
        'plugins/one/src/ring.ts': 'export function openRing(): void { const KeyRing = 1; const record = 2 }'
      }),
      []
    )
  }
)

t.test('a vague name is found, though only one file declares it', async t => {
  t.strictSame(faultsIn({ 'plugins/one/src/a.ts': 'const shown = (): void => {}; function keyOf(): void {}' }), [
    'plugins/one: shown',
    'plugins/one: keyOf'
  ])
})

t.test('two files of one name are found, unless the name is that of a job that every package has', async t => {
  t.strictSame(
    faultsIn({
      'plugins/one/src/authenticate-request.ts': '',
      'auth-server/src/clients/authenticate-request.ts': '',
      'plugins/one/src/options.ts': '',
      'plugins/two/src/options.ts': ''
    }),
    ['plugins/one: authenticate-request.ts', 'auth-server: authenticate-request.ts']
  )
})

t.test('an app exports what every app exports, once', async t => {
  const buildApp = 'export function buildApp(): void {}'
  t.strictSame(faultsIn({ 'auth-server/src/app.ts': buildApp, 'reference-gateway/src/app.ts': buildApp }), [])
  t.strictSame(faultsIn({ 'auth-server/src/app.ts': buildApp, 'auth-server/src/other.ts': buildApp }), [
    'auth-server: buildApp'
  ])
})

t.test('two stores of one contract declare the same, each once, and nothing else may', async t => {
  const clientStore = 'export function clientStore(): void {}'
  const stores = {
    'auth-server/src/store/memory/clients.ts': clientStore,
    'auth-server/src/store/postgres/clients.ts': clientStore
  }
  t.strictSame(faultsIn(stores), [])
  t.strictSame(faultsIn({ ...stores, 'auth-server/src/store/memory/more.ts': clientStore }), [
    'auth-server: clientStore'
  ])
  t.strictSame(faultsIn({ ...stores, 'plugins/one/src/a.ts': clientStore }), [
    'auth-server: clientStore',
    'plugins/one: clientStore'
  ])
})

t.test('the baseline gets shorter and never longer', async t => {
  const fault = { folder: 'plugins/one', name: 'shown', why: '' }
  const baseline = { 'plugins/one': ['shown', 'keyOf'], 'plugins/two': ['shown'] }
  t.strictSame(compareWithBaseline([fault], baseline), {
    added: [],
    gone: [
      { folder: 'plugins/one', name: 'keyOf' },
      { folder: 'plugins/two', name: 'shown' }
    ]
  })
  const more = { folder: 'plugins/one', name: 'record', why: '' }
  t.strictSame(compareWithBaseline([more], {}).added, [more])
  t.strictSame(shrunk(baseline, [fault, more]), { 'plugins/one': ['shown'] })
})

t.test('only what a file declares at its top level counts', async t => {
  t.strictSame(
    namesDeclaredIn(
      'a.ts',
      'import { one } from "two"; export { three } from "four"; export default function five() {}'
    ),
    ['five']
  )
})
