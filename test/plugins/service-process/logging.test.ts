import { loggerOptions } from '@sallyport/service-process'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'

const CANARY = 'canary0123456789'
const JWT = `eyJhbGciOiJFUzI1NiJ9.${Buffer.from(CANARY).toString('base64url')}.c2lnbmF0dXJlLWNhbmFyeQ`

function logged(): { app: FastifyInstance; text: () => string } {
  let text = ''
  const stream = {
    write: (line: string) => {
      text += line
    }
  }
  const app = Fastify({
    logger: {
      ...loggerOptions({ name: 'order-service', level: 'trace', traceIds: () => ({ trace_id: 't', span_id: 's' }) }),
      stream
    }
  })
  return { app, text: () => text }
}

t.test('a line is JSON with name, level, trace ids and the request', async t => {
  const { app, text } = logged()
  app.get('/orders', async () => 'ok')
  await app.inject('/orders?status=open')
  const [line = ''] = text().split('\n')
  t.match(JSON.parse(line), {
    level: 'info',
    name: 'order-service',
    trace_id: 't',
    span_id: 's',
    req: { method: 'GET', url: '/orders?status=open', remoteAddress: '127.0.0.0/24' }
  })
})

t.test(
  'P5: no secret gets into a log line, by headers, fields, messages, errors, URLs or the text of a 404',
  async t => {
    const { app, text } = logged()
    app.get('/ok', async request => {
      request.log.info({ headers: request.headers }, 'headers')
      request.log.info(
        {
          res: { headers: { 'set-cookie': [`a=${CANARY}`, `b=${CANARY}`] } },
          deep: { er: { password: CANARY, accessToken: CANARY, client_secret: CANARY } }
        },
        'fields'
      )
      request.log.info(
        `token ${JWT} and Authorization: Bearer ${CANARY}X and Basic ${Buffer.from(`user:${CANARY}`).toString('base64')}`
      )
      request.log.info(`a tab is a space too: Bearer\t${CANARY}X`)
      request.log.info({
        text: JSON.stringify({ password: CANARY, quoted: `a"${'b'}` }),
        url: `postgres://user:${CANARY}@host/db`,
        other: `postgres://user:p@${CANARY}@host/db`,
        form: `grant_type=password&password=${CANARY}`
      })
      request.log.error(new Error(`GET https://issuer.example/?access_token=${CANARY} failed`))
      request.log.info({ url: `/oauth2/end-session?id_token_hint=${CANARY}&client_id=web-app` }, 'hint')
      request.log.info({ password: `quote"${CANARY}\\"${CANARY}` }, 'escapes')
      return 'ok'
    })
    await app.inject({
      url: `/ok?code=${CANARY}&%61ccess_token=${CANARY}`,
      headers: { authorization: `Bearer ${CANARY}`, cookie: `session=${CANARY}`, 'proxy-authorization': CANARY }
    })
    await app.inject(`/missing/${JWT}?access_token=${CANARY}`)
    t.match(text(), /Route GET:\/missing/, 'the 404 was logged')
    t.notMatch(
      text(),
      new RegExp(
        `${CANARY}|${Buffer.from(CANARY).toString('base64url').slice(0, 12)}|c2lnbmF0dXJl|${Buffer.from(`user:${CANARY}`).toString('base64').slice(0, 12)}`
      )
    )
    for (const line of text().trim().split('\n')) t.doesNotThrow(() => JSON.parse(line), 'still JSON')
  }
)

t.test('ordinary text is left as it is', async t => {
  const { app, text } = logged()
  app.log.info(
    { tokens: 3, decoder: 'x', status: 'code', url: '/orders?status=open&page=2' },
    'basic authentication, bearer of news: 3 tokens'
  )
  t.match(
    text(),
    /"tokens":3,"decoder":"x","status":"code","url":"\/orders\?status=open&page=2","msg":"basic authentication, bearer of news: 3 tokens"/
  )
})

t.test(
  'one GET with a URL of thousands of ?% does not hold up the process, and 512 characters of it are logged',
  async t => {
    const { app, text } = logged()
    app.get('/', async () => 'ok')
    const before = process.cpuUsage()
    await app.inject(`/?${'?%'.repeat(4000)}`)
    const { user } = process.cpuUsage(before)
    t.ok(user < 2_000_000, `${user} µs of CPU; by the former expression more than a minute`)
    const { req } = JSON.parse(text().split('\n')[0] ?? '') as { req: { url: string } }
    t.match(req.url, /^.{512}\[7490 more\]$/)
  }
)

t.test('what is cut from a long URL takes no secret with it and leaves none', async t => {
  const { app, text } = logged()
  await app.inject(`/missing?${'x'.repeat(480)}=1&access_token=${CANARY.repeat(40)}`)
  app.log.info(`GET /${'y'.repeat(3000)}?token=${CANARY} failed`)
  t.notMatch(text(), CANARY)
  t.match(text(), /y{511}\[\d+ more\] failed/)
})

t.test('codes of errors are readable: ours, of libraries and the system, SQLSTATE and numbers', async t => {
  const { app, text } = logged()
  const codes = [
    'SALLYPORT_AUDIT_UNAVAILABLE',
    'FST_ERR_CTP_BODY_TOO_LARGE',
    'UND_ERR_SOCKET',
    'ECONNREFUSED',
    'EAI_AGAIN',
    '53100',
    '42P01',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE'
  ]
  for (const code of codes) app.log.error(Object.assign(new Error('x'), { code }))
  app.log.info({ code: 1 }, 'exit')
  const logs = text()
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { err?: { code: string }; code?: number })
  t.strictSame(
    logs.map(({ err, code }) => err?.code ?? code),
    [...codes, 1]
  )
})

t.test(
  'an authorization code is hidden in URLs, forms, JSON and quoted JSON, also one that looks like an error',
  async t => {
    const { app, text } = logged()
    for (const code of [CANARY, CANARY.toUpperCase(), Buffer.from(CANARY).toString('base64url')]) {
      app.log.info(
        {
          body: { code },
          quoted: JSON.stringify({ code, n: JSON.stringify({ code }) }),
          form: `grant_type=authorization_code&code=${code}`
        },
        `/callback?code=${code}`
      )
    }
    app.log.info(
      '/callback?code=ECONNREFUSED&%63%6f%64%65=ECONNREFUSED&c%256fde=ECONNREFUSED&%zz=ECONNREFUSED&user[code]=ECONNREFUSED'
    )
    t.notMatch(text(), new RegExp(`${CANARY}|${Buffer.from(CANARY).toString('base64url')}|ECONNREFUSED`, 'i'))
    for (const line of text().trim().split('\n')) t.doesNotThrow(() => JSON.parse(line), 'still JSON')
  }
)

t.test('a secret is hidden whatever its JSON type is, and a name that only contains one is not', async t => {
  const { app, text } = logged()
  app.log.info(
    {
      token: { inner: CANARY },
      secret: [[CANARY], { a: '"]}' }],
      password: 12_345_678,
      cookie: null,
      tokenType: 'Bearer',
      encoded: true
    },
    'types'
  )
  t.match(JSON.parse(text()), {
    token: '[redacted]',
    secret: '[redacted]',
    password: '[redacted]',
    cookie: null,
    tokenType: 'Bearer',
    encoded: true
  })
})
