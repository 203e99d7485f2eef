import t from 'tap'
import { request } from 'undici'
import { startForwarding } from '../../support/forwarding/forwarding-app.ts'

/** What a service got as the time that is left. */
function timesLeft(rawHeaders: readonly string[]): number[] {
  return rawHeaders.flatMap((name, at) =>
    name.toLowerCase() === 'sallyport-timeout-ms' ? [Number(rawHeaders[at + 1])] : []
  )
}

t.test(
  'a service learns what is left of the time for the head of its answer, and nothing that a client says of it',
  async t => {
    for (const step of ['lean', 'ordinary'] as const) {
      const { url, service } = await startForwarding(t, {
        step,
        route: { timeouts: { headMs: 5000 } },
        before: app => {
          app.addHook('onRequest', async () => {
            await new Promise(resolve => setTimeout(resolve, 30))
          })
        }
      })
      const headers = { 'Sallyport-Timeout-Ms': '999999', sallyport_timeout_ms: '999999' }
      await (await request(`${url}/orders/1`, { headers })).body.dump()
      const [received] = service.received
      const [left, ...more] = timesLeft(received?.rawHeaders ?? [])
      t.same(more, [], step)
      t.ok(left !== undefined && left > 0 && left <= 4975, `${step}: counted from the arrival`)
      t.notMatch(String(received?.rawHeaders), /999999/)
    }
  }
)

t.test('the head of an answer is due within the limit for the whole, wherever the two come from', async t => {
  const { url, service } = await startForwarding(t, {
    defaults: { timeouts: { headMs: 60_000 } },
    route: { timeouts: { totalMs: 60 } }
  })
  service.answer = () => {}
  const { statusCode, body } = await request(`${url}/orders/1`)
  t.equal(statusCode, 504)
  await body.dump()
  t.ok((timesLeft(service.received[0]?.rawHeaders ?? [])[0] ?? 61) <= 60)
})
