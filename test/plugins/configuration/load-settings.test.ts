import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadSettings } from '@sallyport/configuration'
import t from 'tap'
import { Type } from 'typebox'

const schema = Type.Object({
  issuer: Type.String({ format: 'secure-url' }),
  port: Type.Integer({ default: 8080, minimum: 0, maximum: 65535 }),
  edgeTls: Type.Boolean({ default: false }),
  logLevel: Type.Union([Type.Literal('info'), Type.Literal('debug')], { default: 'info' }),
  peerAddresses: Type.Array(Type.String({ pattern: '^[^=]+=[^=]+$' }), { separator: ' ', default: [] }),
  databaseUrl: Type.Optional(Type.String({ secret: true })),
  clientSecret: Type.String({ secret: true, minLength: 32, demoPrefix: 'demo-' })
})
const SECRET = 'canary-0123456789-0123456789-0123456789'
const environment = { SALLYPORT_ISSUER: 'https://issuer.example', SALLYPORT_CLIENT_SECRET: SECRET }

function mistakesOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return code === 'SALLYPORT_CONFIGURATION_INVALID' ? message : `${code}: ${message}`
  }
  return 'no mistake'
}

t.before(() => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-settings-'))
  t.context = {
    file: (name: string, content: string) => {
      writeFileSync(join(directory, name), content)
      return join(directory, name)
    },
    missing: join(directory, 'missing')
  }
})

t.test('settings come from defaults, files, the environment and *_FILE secrets, the later over the earlier', t => {
  const first = t.context.file('first.json', JSON.stringify({ port: 1, edgeTls: true, issuer: 'https://file.example' }))
  const second = t.context.file('second.json', JSON.stringify({ port: 2 }))
  const secret = t.context.file('secret', `${SECRET}\n`)
  const settings = loadSettings({
    schema,
    files: [first, second],
    environment: {
      SALLYPORT_ISSUER: 'https://issuer.example',
      SALLYPORT_CLIENT_SECRET_FILE: secret,
      SALLYPORT_PEER_ADDRESSES: 'a=127.0.0.1 b=127.0.0.2'
    }
  })
  t.strictSame(settings.values, {
    issuer: 'https://issuer.example',
    port: 2,
    edgeTls: true,
    logLevel: 'info',
    peerAddresses: ['a=127.0.0.1', 'b=127.0.0.2'],
    clientSecret: SECRET
  })
  t.strictSame(
    { ...settings.origins },
    {
      issuer: 'environment SALLYPORT_ISSUER',
      port: `file ${second}`,
      edgeTls: `file ${first}`,
      logLevel: 'default',
      peerAddresses: 'environment SALLYPORT_PEER_ADDRESSES',
      clientSecret: `file ${secret} (environment SALLYPORT_CLIENT_SECRET_FILE)`
    }
  )
  t.end()
})

t.test('environment strings are coerced; the usual variables have no prefix', t => {
  const { values } = loadSettings({
    schema,
    environment: {
      ...environment,
      PORT: '9000',
      SALLYPORT_EDGE_TLS: 'true',
      LOG_LEVEL: 'debug',
      DATABASE_URL: 'postgres://u:p@h/d'
    }
  })
  t.match(values, { port: 9000, edgeTls: true, logLevel: 'debug', databaseUrl: 'postgres://u:p@h/d' })
  t.end()
})

t.test('settings are frozen to the bottom', t => {
  const { values, origins } = loadSettings({ schema, environment: { ...environment, SALLYPORT_PEER_ADDRESSES: 'a=b' } })
  t.throws(() => {
    ;(values as { port: number }).port = 1
  }, TypeError)
  t.throws(() => {
    ;(values.peerAddresses as string[]).push('x=y')
  }, TypeError)
  t.throws(() => {
    ;(origins as Record<string, string>).port = 'x'
  }, TypeError)
  t.end()
})

t.test('all mistakes are told at once, each with the origin of its value, and no secret with them', t => {
  const file = t.context.file('mistakes.json', JSON.stringify({ port: '80', unheardOf: 1 }))
  const message = mistakesOf(() =>
    loadSettings({
      schema,
      files: [file, t.context.missing],
      environment: {
        SALLYPORT_EDGE_TLS: 'yes',
        LOG_LEVEL: 'loud',
        SALLYPORT_ISSUR: 'x',
        SALLYPORT_CLIENT_SECRET: 'short-canary'
      }
    })
  )
  t.equal(
    message,
    [
      'The configuration has 8 mistakes:',
      `  unheardOf: is set in file ${file}, but there is no such setting`,
      `  file ${t.context.missing}: cannot be read`,
      '  SALLYPORT_ISSUR: is set in the environment, but there is no such setting',
      '  issuer: is required (set SALLYPORT_ISSUER or, for a secret, SALLYPORT_ISSUER_FILE)',
      `  port: must be integer (file ${file}: "80")`,
      '  edgeTls: must be boolean (environment SALLYPORT_EDGE_TLS: "yes")',
      '  logLevel: must be one of info, debug (environment LOG_LEVEL: "loud")',
      '  clientSecret: must NOT have fewer than 32 characters (environment SALLYPORT_CLIENT_SECRET)'
    ].join('\n')
  )
  t.end()
})

t.test('one variable that does not fit makes no other one look wrong', t => {
  const numbers = Type.Object({
    port: Type.Integer(),
    operationsPort: Type.Integer(),
    edgeTls: Type.Boolean(),
    peerAddresses: Type.Array(Type.String(), { separator: ' ' })
  })
  const message = mistakesOf(() =>
    loadSettings({
      schema: numbers,
      environment: {
        PORT: 'eighty',
        SALLYPORT_OPERATIONS_PORT: '0',
        SALLYPORT_EDGE_TLS: 'true',
        SALLYPORT_PEER_ADDRESSES: 'a=b c=d'
      }
    })
  )
  t.equal(message, 'The configuration has a mistake:\n  port: must be integer (environment PORT: "eighty")')
  t.end()
})

t.test('a file gets no coercion', t => {
  const file = t.context.file('coercion.json', JSON.stringify({ edgeTls: 'true', clientSecret: 5 }))
  t.match(
    mistakesOf(() =>
      loadSettings({ schema, files: [file], environment: { SALLYPORT_ISSUER: 'https://issuer.example' } })
    ),
    /edgeTls: must be boolean[^]*clientSecret: must be string/
  )
  t.end()
})

t.test('a variable and its *_FILE together are a mistake', t => {
  const secret = t.context.file('twice', SECRET)
  const message = mistakesOf(() =>
    loadSettings({ schema, environment: { ...environment, SALLYPORT_CLIENT_SECRET_FILE: secret } })
  )
  t.equal(
    message,
    'The configuration has a mistake:\n  clientSecret: both SALLYPORT_CLIENT_SECRET and SALLYPORT_CLIENT_SECRET_FILE are set in the environment'
  )
  t.end()
})

t.test('a secret file that cannot be read is a mistake', t => {
  const message = mistakesOf(() =>
    loadSettings({
      schema,
      environment: { SALLYPORT_ISSUER: 'https://issuer.example', SALLYPORT_CLIENT_SECRET_FILE: t.context.missing }
    })
  )
  t.equal(
    message,
    `The configuration has a mistake:\n  clientSecret: the file ${t.context.missing}, named by SALLYPORT_CLIENT_SECRET_FILE in the environment, cannot be read`
  )
  t.end()
})

t.test('a file that is not a JSON object is a mistake, and its content is not quoted', t => {
  for (const content of [`{"clientSecret": ${SECRET}`, `["${SECRET}"]`, 'null']) {
    const message = mistakesOf(() =>
      loadSettings({ schema, environment, files: [t.context.file('broken.json', content)] })
    )
    t.match(message, /is not JSON|does not hold a JSON object/)
    t.notMatch(message, /canary/)
  }
  t.end()
})

t.test('an http issuer is accepted on loopback only', t => {
  t.doesNotThrow(() =>
    loadSettings({ schema, environment: { ...environment, SALLYPORT_ISSUER: 'http://127.0.0.1:8081' } })
  )
  for (const issuer of ['http://issuer.example', 'http://localhost.example', 'ftp://localhost', 'issuer']) {
    t.match(
      mistakesOf(() => loadSettings({ schema, environment: { ...environment, SALLYPORT_ISSUER: issuer } })),
      /issuer: must be a secure-url/,
      issuer
    )
  }
  t.end()
})

t.test('a demonstration secret is refused in production', t => {
  const demo = { ...environment, SALLYPORT_CLIENT_SECRET: `demo-${SECRET}` }
  t.doesNotThrow(() => loadSettings({ schema, environment: demo }))
  t.doesNotThrow(() => loadSettings({ schema, environment: { ...environment, NODE_ENV: 'production' } }))
  t.equal(
    mistakesOf(() => loadSettings({ schema, environment: { ...demo, NODE_ENV: 'production' } })),
    'The configuration has a mistake:\n  clientSecret: is a demonstration value, refused because NODE_ENV is production (environment SALLYPORT_CLIENT_SECRET)'
  )
  t.end()
})

t.test('a schema that gives a secret a default, or a setting a name that collides with *_FILE, is refused', t => {
  const bad = Type.Object({
    password: Type.String({ secret: true, default: 'changeit' }),
    keyFile: Type.Optional(Type.String())
  })
  t.match(
    mistakesOf(() => loadSettings({ schema: bad, environment: {} })),
    /password: a secret must not have a default\n {2}keyFile: a name that ends in File[^]*keyPath/
  )
  t.end()
})

t.test('describe() prints names, values and origins, and neither secrets nor credentials in URLs', t => {
  const withUrl = Type.Object({ ...schema.properties, redisUrl: Type.String() })
  const text = loadSettings({
    schema: withUrl,
    environment: { ...environment, REDIS_URL: 'redis://user:canary@host/0' }
  }).describe()
  for (const password of ['can@ary', 'can"ary', 'can ary', 'can/ary', 'can?ary@', 'can#ary', 'can\\ary', "can'ary"]) {
    const url = `redis://user:${password}@host/0`
    const odd = loadSettings({ schema: withUrl, environment: { ...environment, REDIS_URL: url } })
    t.notMatch(odd.describe(), /can|ary/, password)
    const isUrl = Type.Object({ ...schema.properties, redisUrl: Type.String({ format: 'uri', maxLength: 3 }) })
    const wrong = () => loadSettings({ schema: isUrl, environment: { ...environment, REDIS_URL: url } })
    t.throws(wrong, { message: /^(?!.*(?:can|ary))/s }, `${password} in a mistake`)
  }
  t.match(text, /clientSecret +\[secret\] +environment SALLYPORT_CLIENT_SECRET/)
  t.match(text, /databaseUrl +- +not set/)
  t.match(text, /port +8080 +default/)
  t.match(text, /"redis:\/\/\[secret\]@host\/0"/)
  t.notMatch(text, /canary/)
  t.end()
})
