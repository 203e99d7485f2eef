// The gateway's own program: settings change while it serves, with bad ones between.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import t from 'tap'
import { startConfigurationServer, swapVolume } from '../support/settings-volume.ts'
import { startGatewayProcess } from './support/gateway-process.ts'

const FILE = `
upstreams:
  catalogue: { origin: '\${CATALOGUE_ORIGIN}' }
routes:
  - path: /catalogue/*
    upstream: catalogue
    forward: none
    access: public
`
const SEED = 20_261_126
/** A sample; `npm run soak -- reloads` asks for more. */
const { SALLYPORT_TEST_RELOADS } = process.env
const RELOADS = Number(SALLYPORT_TEST_RELOADS ?? 16)

/** The same numbers from 0 to 1 with the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

t.test('reloads under load with bad ones between fail no request, and limits change where they are used', async t => {
  const catalogue = Fastify({ forceCloseConnections: true })
  catalogue.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  catalogue.all('/*', async () => ({ ok: true }))
  const origin = await catalogue.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => catalogue.close())
  const server = await startConfigurationServer(t, 'reference-gateway', { maxBodyBytes: 50 })
  const folder = swapVolume(mkdtempSync(join(tmpdir(), 'sallyport-volume-')), 'first', { loginsPerMinute: '1' })
  t.teardown(() => rmSync(folder, { recursive: true }))
  const gateway = await startGatewayProcess(t, FILE, {
    // Nobody: the gateway serves what is public, and is not ready.
    SALLYPORT_ISSUER: 'http://127.0.0.1:1',
    SALLYPORT_SETTINGS_DIRECTORIES: folder,
    SALLYPORT_CONFIGURATION_URL: server.url,
    // Other tests beside this one may hold the gateway up until it sheds load; the long run has its limits.
    ...(SALLYPORT_TEST_RELOADS === undefined && { SALLYPORT_MAX_EVENT_LOOP_DELAY_MS: '60000' }),
    CATALOGUE_ORIGIN: origin
  })
  const post = async (bytes: number): Promise<number> =>
    (await fetch(`${gateway.url}/catalogue/1`, { method: 'POST', body: 'x'.repeat(bytes) })).status

  t.equal(await post(60), 413)
  server.say({ maxBodyBytes: 100 })
  await gateway.says('"settingsVersion":2')
  t.equal(await post(60), 200)
  server.say({ maxBodyBytes: 10, issuer: 'https://evil.example' })
  await gateway.says('issuer: is set by the configuration server')
  t.equal(await post(60), 200, 'the last good one stays')
  server.say({ maxBodyBytes: 100 })

  const news = async (): Promise<number> => (await fetch(`${gateway.url}/news/1`)).status
  t.equal(await news(), 404)
  const route = {
    path: '/news/*',
    rewrite: '/catalogue/news',
    upstream: 'catalogue',
    forward: 'none',
    access: 'public'
  }
  server.say({ maxBodyBytes: 100, routesOverlay: { routes: [route] } })
  await gateway.says('"settingsVersion":3')
  t.equal(await news(), 200, 'a route to a pushed upstream is pulled')
  const refused = {
    'an address': [{ upstreams: { catalogue: { origin: 'https://evil.example' } } }, 'origin is only ever pushed'],
    'another upstream': [{ routes: [{ ...route, upstream: 'evil' }] }, 'there is no upstream'],
    'pages of another origin': [{ routes: [{ ...route, cors: { origins: '*' } }] }, 'cors is only ever pushed']
  }
  for (const [what, [overlay, reason = '']] of Object.entries(refused)) {
    server.say({ maxBodyBytes: 100, routesOverlay: JSON.stringify(overlay) })
    await gateway.says(String(reason))
    t.equal(await news(), 200, `the last good routes stay when the server says ${what}`)
  }
  server.say({ maxBodyBytes: 100, upstreamTimeoutMs: 9000, maxEventLoopDelayMs: 60_000 })
  await gateway.says('"settingsVersion":4')
  t.equal(await news(), 404, 'and is gone with the document that names it no more')

  const answers: string[] = []
  const enough = new AbortController()
  const callers = Array.from({ length: 4 }, async () => {
    while (!enough.signal.aborted) {
      const outcome = await fetch(`${gateway.url}/catalogue/1`).then(async answer => {
        const text = await answer.text()
        return answer.status === 200 ? 'served' : `${answer.status} ${text}`
      }, String)
      answers.push(outcome)
    }
  })
  const random = seeded(SEED)
  let version = 4
  for (let reload = 1; reload <= RELOADS; reload++) {
    const bad = [
      { files: { loginsPerMinute: String(-reload) }, reason: `directory ${folder}: \\"${-reload}\\"` },
      { files: { loginsPerMinute: '5', [`unknown-${reload}`]: 'x' }, reason: `unknown-${reload}` }
    ][Math.floor(random() * 5)]
    swapVolume(folder, String(reload), bad?.files ?? { loginsPerMinute: String(reload + 1) })
    gateway.hangUp()
    if (bad === undefined) version++
    await gateway.says(bad?.reason ?? `"settingsVersion":${version}`)
  }
  enough.abort()
  await Promise.all(callers)
  t.ok(answers.length >= RELOADS, `${answers.length} requests`)
  t.strictSame(
    answers.filter(answer => answer !== 'served'),
    [],
    'no request failed'
  )
  t.ok(version > 4 && version < 4 + RELOADS, 'good and bad ones')
  swapVolume(folder, 'fixed', { loginsPerMinute: '3', clientId: 'another' })
  gateway.hangUp()
  await gateway.says('These settings change with a restart only: clientId')
  t.equal(await gateway.stop(), 0)
})
