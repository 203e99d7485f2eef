import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { until } from '../../../support/edge.ts'
import { sendMany, startGuarded, type GuardedAppOptions } from './support/guarded-app.ts'
import { startTarget, type KillableTarget } from './support/killable-target.ts'

const STEPS = ['lean', 'ordinary'] as const
const RETRIES = { backoffMs: 1, burst: 50 } as const

/** Answers the first `times` requests with a status, and all others with what they sent. */
function failing(target: KillableTarget, times: number, status = 503): { timesLeft: number[] } {
  const seen = { timesLeft: [] as number[] }
  target.answer = (request, response) => {
    seen.timesLeft.push(Number(request.headers['sallyport-timeout-ms']))
    const fails = times-- > 0
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (fails) response.writeHead(status, { 'x-failed': 'yes' }).end('failed')
      else response.end(`${request.method} ${Buffer.concat(chunks).toString()}`)
    })
  }
  return seen
}

const withRetries = (more: GuardedAppOptions = {}): GuardedAppOptions => ({
  ...more,
  upstream: { retries: RETRIES, ...more.upstream }
})

t.test('an idempotent request that failed is sent again, and its client sees the second answer alone', async t => {
  for (const step of STEPS) {
    const target = await startTarget(t)
    const { timesLeft } = failing(target, 1)
    const { url, measured } = await startGuarded(t, [target], withRetries({ step }))
    const answer = await fetch(`${url}/x`)
    t.same([answer.status, answer.headers.get('x-failed'), await answer.text()], [200, null, 'GET '], step)
    t.equal(target.paths.length, 2)
    t.ok((timesLeft[1] ?? 0) <= (timesLeft[0] ?? 0), 'with what is left of the time')
    t.same(await measured('sallyport_upstream_retries_total'), { sent: 1, 'over-budget': 0 })
  }
})

t.test('no more often than allowed: the last answer is passed on as it is', async t => {
  const target = await startTarget(t)
  failing(target, 10, 502)
  const { url } = await startGuarded(t, [target], withRetries({ upstream: { retries: { ...RETRIES, attempts: 3 } } }))
  const answer = await fetch(`${url}/x`)
  t.same([answer.status, await answer.text()], [502, 'failed'])
  t.equal(target.paths.length, 3)
})

t.test('a request that may have an effect is sent once, unless it has an Idempotency-Key', async t => {
  for (const step of STEPS) {
    const target = await startTarget(t)
    const { url } = await startGuarded(t, [target], withRetries({ step }))
    for (const [method, headers, status, sent] of [
      ['POST', {}, 503, 1],
      ['PATCH', {}, 503, 1],
      ['PUT', {}, 200, 2],
      ['DELETE', {}, 200, 2],
      ['POST', { 'idempotency-key': '"one"' }, 200, 2]
    ] as const) {
      target.paths.length = 0
      failing(target, 1)
      const answer = await fetch(`${url}/x`, { method, headers, body: 'body' })
      const text = await answer.text()
      t.same([answer.status, target.paths.length], [status, sent], `${step} ${method}`)
      if (status === 200) t.equal(text, `${method} body`, 'with its body')
    }
  }
})

t.test('statuses that the options do not name are passed on', async t => {
  const target = await startTarget(t)
  failing(target, 1, 500)
  const { url } = await startGuarded(t, [target], withRetries())
  t.equal((await fetch(`${url}/x`)).status, 500)
  t.equal(target.paths.length, 1)
})

t.test('a request whose body has gone out and was not kept is sent once', async t => {
  const target = await startTarget(t)
  const upstream = { retries: { ...RETRIES, replayBodyBytes: 10 } }
  const { url, app } = await startGuarded(t, [target], withRetries({ upstream }))
  failing(target, 1)
  t.equal((await fetch(`${url}/x`, { method: 'PUT', body: 'x'.repeat(10) })).status, 200)
  failing(target, 1)
  t.equal((await fetch(`${url}/x`, { method: 'PUT', body: 'x'.repeat(11) })).status, 503)
  t.equal(target.paths.length, 3)

  // A body of which the rest is still to come.
  target.paths.length = 0
  target.answer = (_request, response) => response.writeHead(503).end()
  const { port } = app.server.address() as { port: number }
  const client = connect(port, '127.0.0.1')
  client.write('PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf')
  const [received] = (await once(client, 'data')) as [Buffer]
  t.match(String(received), /^HTTP\/1\.1 503/)
  t.equal(target.paths.length, 1)
  client.destroy()
})

t.test('each sending says how much time is left then, and the rest of its header stays the same', async t => {
  const target = await startTarget(t)
  const said: number[] = []
  const names: string[][] = []
  const startedAtMs = performance.now()
  target.answer = ({ headers, rawHeaders }, response) => {
    said.push(Number(headers['sallyport-timeout-ms']) + performance.now() - startedAtMs)
    names.push(rawHeaders.filter((_text, at) => at % 2 === 0))
    setTimeout(() => response.writeHead(said.length < 3 ? 503 : 200).end(), 200)
  }
  const upstream = { retries: { attempts: 3, backoffMs: 1 } }
  const { url } = await startGuarded(t, [target], { upstream, route: { timeouts: { headMs: 5000, totalMs: 5000 } } })
  const answer = await fetch(`${url}/x`, { headers: { accept: 'sallyport-timeout-ms' } })
  t.equal(answer.status, 200)
  t.same(
    said.map(endsAtMs => endsAtMs > 4900 && endsAtMs < 5100),
    [true, true, true],
    `the same end for each: ${said.map(Math.round).join(', ')}`
  )
  t.same(names[1], names[0])
  t.same(names[2], names[0])
})

t.test('a connection that breaks before the head is a failure that is repeated, one after it is not', async t => {
  for (const step of STEPS) {
    const target = await startTarget(t)
    const { url } = await startGuarded(t, [target], withRetries({ step }))
    let broken = 0
    target.answer = (_request, response) => {
      if (broken++ === 0) response.socket?.destroy()
      else response.end('whole')
    }
    t.equal(await (await fetch(`${url}/x`)).text(), 'whole', step)
    t.equal(target.paths.length, 2)

    target.paths.length = 0
    target.answer = (_request, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('half', () => setTimeout(() => response.socket?.destroy(), 20))
    }
    await t.rejects(fetch(`${url}/x`).then(answer => answer.text()))
    t.equal(target.paths.length, 1, 'bytes of it had left')
  }
})

t.test('the wait before a repetition ends with the time of the request, and with its client', async t => {
  const target = await startTarget(t)
  failing(target, 100)
  const upstream = { retries: { backoffMs: 2_000_000_000, burst: 50 } }
  const { url, app, events } = await startGuarded(t, [target], {
    upstream,
    route: { timeouts: { headMs: 50, totalMs: 50 } }
  })
  const answer = await fetch(`${url}/x`)
  t.same(
    [answer.status, ((await answer.json()) as { code: string }).code],
    [504, 'SALLYPORT_FORWARDING_UPSTREAM_TIMEOUT']
  )
  t.equal(target.paths.length, 1)

  const patient = await startGuarded(t, [target], { upstream })
  const { port } = patient.app.server.address() as { port: number }
  const client = connect(port, '127.0.0.1')
  client.write('GET /x HTTP/1.1\r\nHost: a\r\n\r\n')
  await until(() => target.paths.length === 2)
  await until(async () => (await patient.measured('sallyport_upstream_retries_total'))['sent'] === 1)
  client.destroy()
  await patient.app.close()
  t.equal(target.paths.length, 2)
  t.same(
    events.map(({ reason }) => reason),
    ['upstream-timeout']
  )
  await app.close()
})

t.test('a storm: an upstream that fails gets at most its share more, and what was saved up', async t => {
  const [a, b] = [await startTarget(t), await startTarget(t)]
  for (const target of [a, b]) failing(target, 1_000_000)
  const { url, measured } = await startGuarded(t, [a, b], {
    upstream: { retries: { attempts: 5, budgetPercent: 20, burst: 5, backoffMs: 1 } }
  })
  const { statuses } = await sendMany(url, { requests: 300, callers: 16 })
  t.same(statuses, { 503: 300 })
  const sent = a.paths.length + b.paths.length
  t.ok(sent > 300 && sent <= 300 * 1.2 + 5, `${sent} for 300`)
  const { sent: repeated, 'over-budget': refused } = await measured('sallyport_upstream_retries_total')
  t.equal(repeated, sent - 300)
  t.ok((refused ?? 0) > 0)
})

t.test(
  'a sending that takes too long is given up for another one, and the last one has the rest of the time',
  async t => {
    for (const step of STEPS) {
      const target = await startTarget(t)
      let hangs = 1
      target.answer = (request, response) => {
        request.resume().once('end', () => {
          if (hangs-- <= 0) response.end('well')
        })
      }
      const upstream = { retries: { ...RETRIES, attemptTimeoutMs: 100 }, timeouts: { headMs: 400 } }
      const { url } = await startGuarded(t, [target], withRetries({ step, upstream }))
      const answer = await fetch(`${url}/x`, { method: 'PUT', body: 'body' })
      t.same([answer.status, await answer.text(), target.paths.length], [200, 'well', 2], step)
      await until(() => target.pending === 0)
      hangs = 10
      target.paths.length = 0
      t.equal((await fetch(`${url}/x`)).status, 504)
      t.equal(target.paths.length, 2, 'no more often than allowed')
      target.paths.length = 0
      t.equal((await fetch(`${url}/x`, { method: 'POST', body: 'body' })).status, 504)
      t.equal(target.paths.length, 1, 'and never what may have an effect')
    }
  }
)

t.test('an answer that has begun is not given up by the limit of a sending', async t => {
  const target = await startTarget(t)
  let end = (): void => {}
  target.answer = (request, response) => {
    request.resume()
    response.write('one ')
    end = () => response.end('two')
  }
  const { url } = await startGuarded(
    t,
    [target],
    withRetries({ upstream: { retries: { ...RETRIES, attemptTimeoutMs: 50 } } })
  )
  const answer = await fetch(`${url}/x`)
  await new Promise(resolve => setTimeout(resolve, 100))
  end()
  t.equal(await answer.text(), 'one two')
  t.equal(target.paths.length, 1)
})
