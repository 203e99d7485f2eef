// The client of a configuration server that speaks Spring Cloud Config's JSON.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  basicServerAuthorization,
  createConfigurationClient,
  followServer,
  readServerDocument,
  waitBeforeQuestion,
  type ConfigurationClient,
  type ConfigurationClientOptions,
  type ServerDocument
} from '@sallyport/configuration'
import t, { type Test } from 'tap'

const name = { application: 'gateway', profile: 'production', label: 'main' }

/** As a Spring Cloud Config server answers. */
function answerOf(...sources: Array<Record<string, unknown>>): string {
  return JSON.stringify({
    name: 'gateway',
    profiles: ['production'],
    label: 'main',
    version: 'abc',
    state: null,
    propertySources: sources.map((source, index) => ({ name: `file:${index}`, source }))
  })
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void

async function openClient(
  t: Test,
  answer: Answer,
  more: Partial<ConfigurationClientOptions> = {}
): Promise<ConfigurationClient> {
  const server = createServer(answer)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return createConfigurationClient({ ...name, url: `http://127.0.0.1:${port}/`, send: fetch as never, ...more })
}

t.test('the first property source wins, names come in three spellings, and other programs are left out', t => {
  const first = { 'sallyport.logins-per-minute': 3, 'names[0]': 'a', 'names[1]': 'b', 'spring.main.banner': 'x' }
  const { values, version } = readServerDocument(answerOf(first, { loginsPerMinute: 9, maxBodyBytes: '7' }), name)
  t.strictSame(values, { loginsPerMinute: 3, names: ['a', 'b'], maxBodyBytes: '7' })
  t.equal(version, 'abc')
  t.end()
})

t.test('an answer that is not such a document is refused, and its values are not quoted', t => {
  const refused = [
    'canary',
    '[]',
    '{"name":"orders","propertySources":[]}',
    '{"name":"gateway"}',
    '{"name":"gateway","propertySources":[{"source":"canary"}]}',
    '{"name":"gateway","name":"gateway","propertySources":[]}',
    answerOf({ 'names[1]': 'canary' }),
    answerOf({ __proto__: null, names: 'canary', 'names[0]': 'b' }),
    answerOf(Object.fromEntries(Array.from({ length: 2001 }, (_, index) => [`n${index}`, 1]))),
    answerOf(...Array.from({ length: 65 }, () => ({})))
  ]
  for (const text of refused) {
    t.throws(() => readServerDocument(text, name), /^(?!.*canary)/, text.slice(0, 60))
  }
  t.end()
})

t.test('what is printed of a document can be printed: no control character, no line of its own, no length', t => {
  const { version } = readServerDocument(answerOf({}).replace('"abc"', '"x\\u001b[2J\\nissuer: set"'), name)
  t.equal(version, null)
  for (const property of ['a\nissuer: is set', '\u001b[2J', 'x'.repeat(129), '']) {
    t.throws(() => readServerDocument(answerOf({ [property]: 1 }), name), /cannot be printed$/)
  }
  t.end()
})

t.test('names are tokens: a path, an encoded one or an empty one never leaves the client', t => {
  for (const token of [
    '',
    '..',
    'a/b',
    '..%2Fetc',
    'a..b',
    '%2e%2e',
    '(_)',
    '.a',
    'a b',
    'a?b',
    'a\\b',
    'x'.repeat(101)
  ]) {
    for (const part of ['application', 'profile', 'label']) {
      t.throws(
        () => createConfigurationClient({ ...name, [part]: token, url: 'http://127.0.0.1', send: fetch as never }),
        { code: 'SALLYPORT_CONFIGURATION_SERVER_ANSWER' },
        `${part} ${token}`
      )
    }
  }
  for (const profile of ['a,', ',', 'eu,../etc', 'eu,%2e%2e', 'a,b,c,d,e,f,g,h,i']) {
    t.throws(
      () => createConfigurationClient({ ...name, profile, url: 'http://127.0.0.1', send: fetch as never }),
      { code: 'SALLYPORT_CONFIGURATION_SERVER_ANSWER' },
      profile
    )
  }
  t.end()
})

t.test(
  'a document is asked for by its names, with credentials, and not sent again while its tag is the same',
  async t => {
    const seen: unknown[] = []
    const client = await openClient(
      t,
      ({ url, headers }, response) => {
        seen.push([url, headers.authorization, headers['if-none-match']])
        if (headers['if-none-match'] === '"1"') response.writeHead(304).end()
        else response.writeHead(200, { etag: '"1"' }).end(answerOf({ perMinute: 1 }))
      },
      { authorization: basicServerAuthorization(() => 'gateway:word') }
    )
    t.match(await client.pull(), { values: { perMinute: 1 } })
    t.equal(await client.pull(), null)
    client.forget()
    t.match(await client.pull(), { values: { perMinute: 1 } })
    const basic = 'Basic Z2F0ZXdheTp3b3Jk'
    t.strictSame(seen, [
      ['/gateway/production/main', basic, undefined],
      ['/gateway/production/main', basic, '"1"'],
      ['/gateway/production/main', basic, undefined]
    ])
  }
)

t.test('several profiles are one question, the last of which weighs most at the server', async t => {
  const asked: unknown[] = []
  const client = await openClient(
    t,
    ({ url }, response) => {
      asked.push(url)
      response.end(answerOf({ perMinute: 1 }))
    },
    { profile: 'eu,production' }
  )
  t.match(await client.pull(), { values: { perMinute: 1 } })
  t.strictSame(asked, ['/gateway/eu,production/main'])
})

t.test('an error, a redirect, an endless answer and silence are refused, each by its code', async t => {
  const unreachable = 'SALLYPORT_CONFIGURATION_SERVER_UNREACHABLE'
  const wrong = 'SALLYPORT_CONFIGURATION_SERVER_ANSWER'
  const answers: Array<[string, string, Answer]> = [
    ['500', unreachable, (_, response) => response.writeHead(500).end()],
    ['429', unreachable, (_, response) => response.writeHead(429).end()],
    ['401', wrong, (_, response) => response.writeHead(401).end()],
    ['404', wrong, (_, response) => response.writeHead(404).end()],
    ['304 without a question', wrong, (_, response) => response.writeHead(304).end()],
    ['a redirect', unreachable, (_, response) => response.writeHead(302, { location: '/x' }).end()],
    [
      'cut',
      wrong,
      (_, response) => {
        response.writeHead(200, { 'content-length': '9999' }).end('{')
      }
    ],
    [
      'endless',
      wrong,
      (_, response) => {
        response.writeHead(200).end('x'.repeat(1_100_000))
      }
    ],
    ['silence', unreachable, () => {}]
  ]
  for (const [what, code, answer] of answers) {
    const client = await openClient(t, answer, { timeoutMs: what === 'silence' ? 100 : 20_000 })
    await t.rejects(client.pull(), { code }, what)
  }
})

t.test('a document of more than a mebibyte is refused, whole as it is', async t => {
  const client = await openClient(t, (_request, response) => {
    response.writeHead(200).end(answerOf({ padding: 'x'.repeat(1_048_576) }))
  })
  await t.rejects(client.pull(), { code: 'SALLYPORT_CONFIGURATION_SERVER_ANSWER', message: /too long/ })
})

t.test('waits are half random, double with each failure, and end at the interval', t => {
  t.equal(waitBeforeQuestion(0, 30_000, 0), 15_000)
  t.equal(waitBeforeQuestion(0, 30_000, 1), 30_000)
  t.strictSame(
    [1, 2, 3, 6, 60].map(failures => waitBeforeQuestion(failures, 30_000, 1)),
    [1000, 2000, 4000, 30_000, 30_000]
  )
  t.end()
})

t.test('a failure and a refusal are asked about again, from the start and later each time', async t => {
  const waits: number[] = []
  let run: () => void = () => {}
  const asked = Promise.withResolvers<void>()
  const pulls: Array<() => ServerDocument | null> = [
    () => {
      throw new Error('away')
    },
    () => ({ version: '1', values: { bad: 1 } }),
    () => ({ version: '2', values: {} }),
    () => null
  ]
  let forgotten = 0
  const failures: string[] = []
  const taken: unknown[] = []
  const client: ConfigurationClient = {
    name,
    origin: 'server',
    pull: async () => pulls.shift()?.() ?? null,
    forget: () => {
      forgotten++
    },
    listen: async () => false
  }
  const { stop } = followServer({
    client,
    changed: async ({ version, values }) => {
      if ('bad' in values) throw new Error('refused')
      taken.push(version)
    },
    failed: error => failures.push(String(error)),
    random: () => 1,
    startTimer: (next, ms) => {
      waits.push(ms)
      run = next
      if (waits.length === 5) asked.resolve()
      else if (waits.length > 1) setImmediate(next)
      return { stop: () => {} }
    }
  })
  run()
  await asked.promise
  await stop()
  t.strictSame(waits, [30_000, 1000, 2000, 30_000, 30_000])
  t.strictSame(failures, ['Error: away', 'Error: refused'])
  t.equal(forgotten, 2)
  t.strictSame(taken, ['2'])
})

t.test('an event of the stream is a question at once, and what the stream says is not believed', async t => {
  let values = { perMinute: 1 }
  const opened = Promise.withResolvers<ServerResponse>()
  const client = await openClient(t, ({ url }, response) => {
    if (url?.endsWith('/changes') === true) {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(': hello\n\n')
      opened.resolve(response)
    } else response.writeHead(200).end(answerOf(values))
  })
  const taken = Promise.withResolvers<ServerDocument>()
  const { stop } = followServer({
    client,
    changed: async document => taken.resolve(document),
    failed: () => {},
    startTimer: () => ({ stop: () => {} })
  })
  const stream = await opened.promise
  values = { perMinute: 2 }
  stream.write('data: {"perMinute":999}\n\n')
  t.match((await taken.promise).values, { perMinute: 2 })
  await stop()
})

t.test('a stream without end of events is one question more, and not one for each', async t => {
  const answer = Promise.withResolvers<null>()
  const begun = Promise.withResolvers<void>()
  let asked = 0
  let tell = (): void => {}
  const client: ConfigurationClient = {
    name,
    origin: 'server',
    pull: async () => {
      asked++
      begun.resolve()
      return await answer.promise
    },
    forget: () => {},
    listen: async onChange => {
      tell = onChange
      return await new Promise<boolean>(() => {})
    }
  }
  const { stop } = followServer({
    client,
    changed: async () => {},
    failed: () => {},
    startTimer: () => ({ stop() {} })
  })
  tell()
  await begun.promise
  for (let event = 0; event < 10_000; event++) tell()
  answer.resolve(null)
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  await stop()
  t.equal(asked, 2)
})

t.test('a change while the stream is cut comes with the next question, which opens the stream again', async t => {
  let values = { perMinute: 1 }
  let opened = Promise.withResolvers<ServerResponse>()
  const client = await openClient(t, ({ url }, response) => {
    if (url?.endsWith('/changes') === true) {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n')
      opened.resolve(response)
    } else response.writeHead(200).end(answerOf(values))
  })
  let due = (): void => {}
  let taken = Promise.withResolvers<ServerDocument>()
  const { stop } = followServer({
    client,
    changed: async document => taken.resolve(document),
    failed: () => {},
    startTimer: run => {
      due = run
      return { stop: () => {} }
    }
  })
  const first = await opened.promise
  const cut = once(first, 'close')
  first.destroy()
  await cut
  values = { perMinute: 2 }
  due()
  t.match((await taken.promise).values, { perMinute: 2 })
  taken = Promise.withResolvers()
  opened = Promise.withResolvers()
  // The end of the stream may be noticed after that question: the one after it opens it then.
  while (
    !(await Promise.race([opened.promise.then(() => true), new Promise(resolve => setImmediate(resolve, false))]))
  ) {
    due()
    await taken.promise
    taken = Promise.withResolvers()
  }
  values = { perMinute: 3 }
  const told = taken.promise
  ;(await opened.promise).write('data: now\n\n')
  t.match((await told).values, { perMinute: 3 })
  await stop()
})

t.test('a proof that the server refuses is not used again, and one that cannot be had is an outage', async t => {
  let proofs = 0
  const authorization = {
    header: async () => `Bearer ${proofs}`,
    refused: () => {
      proofs++
    }
  }
  const client = await openClient(
    t,
    (request, response) => {
      response.writeHead(request.headers.authorization === 'Bearer 1' ? 200 : 401).end(answerOf({ loginsPerMinute: 3 }))
    },
    { authorization }
  )
  await t.rejects(client.pull(), { code: 'SALLYPORT_CONFIGURATION_SERVER_ANSWER', message: /status 401/ })
  t.strictSame((await client.pull())?.values, { loginsPerMinute: 3 })
  const none = await openClient(t, (_request, response) => response.end(), {
    authorization: { header: async () => await Promise.reject(new Error('no issuer')), refused: () => {} }
  })
  await t.rejects(none.pull(), { code: 'SALLYPORT_CONFIGURATION_SERVER_UNREACHABLE' })
})
