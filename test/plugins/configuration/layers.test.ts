// Mounted directories, YAML files and pulled values beside the environment.
import { join } from 'node:path'
import { loadSettings, type SettingsSources } from '@sallyport/configuration'
import t from 'tap'
import { Type } from 'typebox'
import { swapVolume } from '../../support/settings-volume.ts'

const schema = Type.Object(
  {
    issuer: Type.Optional(Type.String()),
    perMinute: Type.Integer({ default: 1, live: true, pulled: true }),
    names: Type.Array(Type.String(), { separator: ' ', default: [], pulled: true }),
    password: Type.Optional(Type.String({ secret: true, minLength: 8 }))
  },
  { additionalProperties: false }
)

function load(sources: Partial<SettingsSources<typeof schema>>) {
  return loadSettings({ schema, environment: {}, ...sources })
}

function mistakeOf(sources: Partial<SettingsSources<typeof schema>>): string {
  try {
    load(sources)
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
  return ''
}

t.test('the environment wins over directories, those over files, those over the server, that over defaults', t => {
  const server = { origin: 'configuration server https://config.example', values: { perMinute: '2', names: 'a b' } }
  const folder = t.testdir({ 'one.yaml': 'perMinute: 3\n', 'two.json': '{ "perMinute": 4 }' })
  const files = [join(folder, 'one.yaml'), join(folder, 'two.json')]
  const directories = [swapVolume(folder, 'a', { perMinute: '5\n' })]
  const environment = { SALLYPORT_PER_MINUTE: '6' }
  const steps: Array<[Partial<SettingsSources<typeof schema>>, number, string]> = [
    [{}, 1, 'default'],
    [{ pulled: server }, 2, server.origin],
    [{ pulled: server, files: files.slice(0, 1) }, 3, `file ${files[0]}`],
    [{ pulled: server, files }, 4, `file ${files[1]}`],
    [{ pulled: server, files, directories }, 5, `directory ${directories[0]}`],
    [{ pulled: server, files, directories, environment }, 6, 'environment SALLYPORT_PER_MINUTE']
  ]
  for (const [sources, value, origin] of steps) {
    const { values, origins } = load(sources)
    t.equal(values.perMinute, value)
    t.equal(origins.perMinute, origin)
  }
  t.strictSame(load({ pulled: server }).values.names, ['a', 'b'], 'a list as one text')
  t.end()
})

t.test('files of a volume are read from where its link points to, and a swap of the link changes all of them', t => {
  const folder = swapVolume(t.testdir({}), '2026_1', { perMinute: '5', SALLYPORT_PASSWORD: 'password-1' })
  t.match(load({ directories: [folder] }).values, { perMinute: 5, password: 'password-1' })
  swapVolume(folder, '2026_2', { perMinute: '7', password: 'password-2\n' })
  t.match(load({ directories: [folder] }).values, { perMinute: 7, password: 'password-2' })
  t.end()
})

t.test('mistakes in directories are all named, and none quotes a secret', t => {
  const folder = t.testdir({
    perMinute: 'canary-many',
    SALLYPORT_PER_MINUTE: '1',
    passwort: 'canary-1',
    password: 'canary',
    issuer: { nested: 'x' },
    '.hidden': 'x'
  })
  const message = mistakeOf({ directories: [folder, join(folder, 'none')] })
  for (const part of [
    'perMinute: is twice in directory',
    'passwort: is in directory',
    'issuer: the file issuer in directory',
    'password: must NOT have fewer than 8 characters',
    `directory ${join(folder, 'none')}: cannot be read`
  ]) {
    t.match(message, part)
  }
  t.notMatch(message, /canary(?!-many)/)
  t.notMatch(message, /hidden/)
  t.end()
})

t.test('a YAML file with a name twice, an alias, a wrong type or no mapping is refused', t => {
  const refused = { twice: 'perMinute: 1\nperMinute: 2', alias: 'names: [&a x, *a]', list: '- 1', broken: '{ canary' }
  for (const [name, text] of Object.entries(refused)) {
    const folder = t.testdir({ 'a.yaml': text })
    const message = mistakeOf({ files: [join(folder, 'a.yaml')] })
    t.match(message, /is not YAML|does not hold a YAML object/, name)
    t.notMatch(message, 'canary')
  }
  const folder = t.testdir({ 'a.yml': 'perMinute: "3"' })
  t.match(mistakeOf({ files: [join(folder, 'a.yml')] }), 'perMinute: must be integer')
  t.end()
})

t.test('the server sets nothing but what is marked, and each other name is refused', t => {
  const values = { issuer: 'https://evil.example', password: 'canary-password', perMinute: '2', unknown: 1 }
  const message = mistakeOf({ pulled: { origin: 'configuration server x', values } })
  t.match(message, 'issuer: is set by the configuration server x, but this setting is never pulled')
  t.match(message, 'password: is set by the configuration server x, but this setting is never pulled')
  t.match(message, 'unknown: is set by the configuration server x, but there is no such setting')
  t.notMatch(message, /perMinute|evil|canary/)
  t.match(mistakeOf({ pulled: { origin: 'configuration server x', values: { perMinute: 'many' } } }), /must be integer/)
  t.end()
})

t.test('a secret that is marked as pulled is a mistake of the schema', t => {
  const wrong = Type.Object({ key: Type.Optional(Type.String({ secret: true, pulled: true })) })
  t.throws(() => loadSettings({ schema: wrong, environment: {} }), /key: a secret must not be pulled/)
  t.end()
})

t.test('an explanation has value, origin and marks, and no secret', t => {
  const explained = load({ environment: { SALLYPORT_PASSWORD: 'canary-password' } }).explain()
  t.strictSame(explained[3], {
    setting: 'perMinute',
    variable: 'SALLYPORT_PER_MINUTE',
    shown: '1',
    origin: 'default',
    live: true,
    pulled: true
  })
  t.match(explained[2], {
    setting: 'password',
    shown: '[secret]',
    origin: 'environment SALLYPORT_PASSWORD',
    live: false
  })
  t.notMatch(JSON.stringify(explained), 'canary')
  t.end()
})

t.test('a schema is compiled once, however often settings are read by it', t => {
  let looks = 0
  const limit = Type.Integer({ default: 1 })
  Object.defineProperty(limit, 'minimum', {
    enumerable: true,
    get: () => {
      looks++
      return 1
    }
  })
  const schema = Type.Object({ limit })
  const readLimit = (text: string) => loadSettings({ schema, environment: { SALLYPORT_LIMIT: text } }).values.limit
  t.equal(readLimit('2'), 2)
  const afterOne = looks
  t.equal(readLimit('3'), 3)
  t.throws(() => readLimit('0'), { code: 'SALLYPORT_CONFIGURATION_INVALID' })
  t.equal(looks, afterOne)
  t.end()
})
