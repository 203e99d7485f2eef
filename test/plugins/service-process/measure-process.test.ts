import { readFileSync } from 'node:fs'
import { connectDatabase } from '@sallyport/service-process'
import type { Measurement } from '@sallyport/security-context'
import t from 'tap'
import { buildFacts } from '../../../plugins/service-process/src/build-facts.ts'
import { databaseMeasurements } from '../../../plugins/service-process/src/measure-database.ts'
import { peerMeasurements } from '../../../plugins/service-process/src/measure-peers.ts'
import { measurementsOfProcess } from '../../../plugins/service-process/src/measure-process.ts'
import { makeAuthority } from '../../support/certificates.ts'
import { testDatabase } from '../../support/database.ts'

const read = async (measurements: readonly Measurement[], name: string): Promise<unknown> =>
  await measurements.find(measurement => measurement.name === name)?.read()

t.test('the build says the version of the packages, what it was built of, and its Node', async t => {
  const { version } = JSON.parse(readFileSync('plugins/service-process/package.json', 'utf8')) as { version: string }
  const build = buildFacts('0a1b2c3')
  t.strictSame(build, { version, commit: '0a1b2c3', node: process.versions.node })
  t.strictSame(await read(measurementsOfProcess({ build: buildFacts(undefined), tls: null }), 'sallyport_build_info'), [
    { labels: { version, commit: 'unknown', node: process.versions.node }, value: 1 }
  ])
})

t.test('a certificate says when the first of its chain expires; without TLS there is none to watch', async t => {
  const [soon, later] = [new Date('2099-01-01T00:00:00Z'), new Date('2099-06-01T00:00:00Z')]
  const authority = await makeAuthority({ notAfter: later })
  const next = await makeAuthority({ notAfter: soon })
  const { certificate, privateKey } = await authority.issue({ names: ['service'], notAfter: soon })
  const ca = `${authority.certificate}${next.certificate}`
  const tls = { certificate: `${certificate}${authority.certificate}`, privateKey, ca }
  const build = buildFacts(undefined)
  t.strictSame(await read(measurementsOfProcess({ build, tls }), 'sallyport_certificate_expiry_timestamp_seconds'), [
    { labels: { certificate: 'own' }, value: soon.getTime() / 1000 },
    { labels: { certificate: 'authority' }, value: soon.getTime() / 1000 }
  ])
  const name = 'sallyport_certificate_expiry_timestamp_seconds'
  t.notOk(measurementsOfProcess({ build, tls: null }).some(measurement => measurement.name === name))
})

t.test('connections of the pool are counted by their state, and what waits for one', async t => {
  const { url } = await testDatabase(t, 'measure-process', async () => {})
  const db = connectDatabase({ databaseUrl: url, databaseConnections: 2, databaseTimeoutMs: 5000 })
  t.after(async () => {
    await db.destroy()
  })
  const measurements = databaseMeasurements(db)
  const use = async (): Promise<unknown> => [
    await read(measurements, 'sallyport_database_pool_connections'),
    await read(measurements, 'sallyport_database_pool_waiting')
  ]
  const states = (used: number, idle: number): unknown => [
    { labels: { state: 'used' }, value: used },
    { labels: { state: 'idle' }, value: idle }
  ]
  t.strictSame(await use(), [states(0, 0), 0])
  const held = [await db.client.acquireConnection(), await db.client.acquireConnection()]
  const waiting = db.raw('select 1').then()
  await new Promise(setImmediate)
  t.strictSame(await use(), [states(2, 0), 1])
  for (const connection of held) await db.client.releaseConnection(connection)
  await waiting
  t.strictSame(await use(), [states(0, 2), 0])
  t.equal(await read(measurements, 'sallyport_database_pool_limit'), 2)
})

t.test('calls of a peer are added up over the agents of the process', async t => {
  const agent = (running: number, waiting: number) => ({ counts: () => ({ 'https://issuer': { running, waiting } }) })
  const measurements = peerMeasurements(() => [agent(1, 0), agent(3, 2), { counts: () => ({}) }])
  t.strictSame(await read(measurements, 'sallyport_peer_requests_running'), [
    { labels: { peer: 'https://issuer' }, value: 4 }
  ])
  t.strictSame(await read(measurements, 'sallyport_peer_requests_waiting'), [
    { labels: { peer: 'https://issuer' }, value: 2 }
  ])
})
