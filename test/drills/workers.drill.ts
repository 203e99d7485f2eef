// Two workers of the real gateway under load: replaced, killed, and ended.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { startIssuer } from '@sallyport/testing'
import t, { type Test } from 'tap'
import { until } from '../support/edge.ts'
import { isRunning, startLoad, startSupervisedGateway } from '../support/supervised-gateway.ts'

t.setTimeout(240_000)
const CALLERS = 8
const REQUESTS = 'http_server_request_duration_seconds_count'

/** An issuer, and what a gateway has to know of it. */
async function issuerSettings(t: Test): Promise<Record<string, string>> {
  const { issuer, ca } = await startIssuer(t)
  const NODE_EXTRA_CA_CERTS = join(mkdtempSync(join(tmpdir(), 'sallyport-workers-')), 'ca.pem')
  writeFileSync(NODE_EXTRA_CA_CERTS, ca)
  t.teardown(() => rmSync(dirname(NODE_EXTRA_CA_CERTS), { recursive: true }))
  return { SALLYPORT_ISSUER: issuer, NODE_EXTRA_CA_CERTS }
}

t.test('two workers are one process to callers and to operators, whatever happens to one of them', async t => {
  const settings = await issuerSettings(t)
  const gateway = await startSupervisedGateway(t, 2, settings)
  const { url, operationsUrl, metric, says, workers } = gateway
  const ready = async (): Promise<number> => (await fetch(`${operationsUrl}/health/ready`)).status
  await until(async () => (await ready()) === 200)
  const load = startLoad(url, CALLERS)
  await until(() => load.seen.answered > 200)

  await t.test('SIGUSR1 replaces both without a failed request', async t => {
    const before = workers()
    gateway.process.kill('SIGUSR1')
    await says('all workers are new')
    t.strictSame(load.seen.failures, [])
    t.strictSame(
      [...workers()].map(([slot, pid]) => before.get(slot) === pid),
      [false, false]
    )
    t.strictSame([...before.values()].map(isRunning), [false, false])
    const { answered } = load.seen
    await until(() => load.seen.answered > answered + 100)
    t.strictSame(load.seen.failures, [])
    t.comment(`${load.seen.answered} requests answered until then`)
  })

  await t.test('a worker that is killed costs its own requests and no other, and is started again', async t => {
    const counted = await metric(REQUESTS, '/items/*')
    const [slot = 0, pid = 0] = [...workers()][0] ?? []
    process.kill(pid, 'SIGKILL')
    await says('a worker ended by itself')
    t.equal(await ready(), 200, 'the other one is enough')
    await until(() => workers().get(slot) !== pid)
    await until(async () => (await metric('sallyport_workers', 'state="ready"')) === 2)
    t.ok(load.seen.failures.length <= CALLERS, `${load.seen.failures.length} failed: ${load.seen.failures.join()}`)
    t.ok((await metric(REQUESTS, '/items/*')) >= counted, 'what it had counted stays counted')
    t.equal(await metric('sallyport_worker_restarts_total'), 1)
  })

  await t.test('the metrics of both add up to what callers saw', async t => {
    const { answered, failures } = await load.stop()
    const counted = await metric(REQUESTS, '/items/*')
    // What the killed worker answered after the last look at it is not known to anybody.
    t.ok(counted <= answered + failures.length, `${counted} counted of ${answered}`)
    t.ok(counted > answered * 0.5)
    const before = await metric(REQUESTS, '/items/*')
    const more = startLoad(url, 2)
    await until(() => more.seen.answered >= 50)
    const seen = await more.stop()
    t.equal((await metric(REQUESTS, '/items/*')) - before, seen.answered, 'over both workers')
    t.equal((await fetch(`${operationsUrl}/info`)).status, 200)
  })

  await t.test('SIGTERM ends all of them in order', async t => {
    const all = [...workers().values()]
    const last = startLoad(url, 2)
    await until(() => last.seen.answered > 20)
    gateway.process.kill('SIGTERM')
    t.equal(await gateway.ended, 0)
    t.strictSame(all.map(isRunning), [false, false])
    const { failures } = await last.stop()
    t.ok(
      failures.every(code => /ECONNREFUSED|UND_ERR_SOCKET|ECONNRESET/.test(code)),
      'nobody listens any more'
    )
  })
})

t.test('workers end when their supervisor is killed, and a mistake is said once', async t => {
  const settings = await issuerSettings(t)
  const gateway = await startSupervisedGateway(t, 2, settings)
  const all = [...gateway.workers().values()]
  t.strictSame(all.map(isRunning), [true, true])
  gateway.process.kill('SIGKILL')
  await until(() => !all.some(isRunning))
  await t.rejects(startSupervisedGateway(t, 2, { ...settings, SALLYPORT_PLATFORM: 'x' }), {
    message: /SALLYPORT_PLATFORM/
  })
})
