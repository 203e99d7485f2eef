// Real receivers on real sockets: what they read, whom the trail is shown to, and when a batch counts as read.
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net'
import { otlpReceiver, syslogReceiver, type TrailReceiver } from '@sallyport/audit-log'
import t, { type Test } from 'tap'
import { makeAuthority } from '../../support/certificates.ts'
import { startLogCollector, type LogCollector } from '../../support/log-collector.ts'
import { startSyslogServer, type SyslogServer } from '../../support/syslog-server.ts'
import { sampleRecord } from '../../support/sample-record.ts'

const authority = await makeAuthority({ name: 'SIEM CA' })
const issued = await authority.issue({ names: ['localhost', '127.0.0.1'] })
const tls = { cert: issued.certificate, key: issued.privateKey, ca: issued.ca }
const ca = authority.certificate
const rowsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    ...sampleRecord(`action.${index}`),
    ...{ sequence: index + 1, chainHash: 'ab'.repeat(32), reason: '7 <13>1 - - - - - -\r\n'.repeat(20) }
  }))
const send = (receiver: TrailReceiver, count: number, timeoutMs = 20_000) =>
  receiver.send(rowsOf(count), AbortSignal.timeout(timeoutMs))

async function syslogServer(t: Test, options = {}): Promise<SyslogServer> {
  const server = await startSyslogServer({ ...tls, ...options })
  t.after(server.close)
  return server
}
async function logCollector(t: Test, options = {}): Promise<LogCollector> {
  const collector = await startLogCollector({ ...tls, ...options })
  t.after(collector.close)
  return collector
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`a syslog receiver has a batch once it has answered the end of ${version}`, async t => {
    const server = await syslogServer(t, { minVersion: version, maxVersion: version })
    const receiver = syslogReceiver(`syslog+tls://localhost:${server.port}`, { ca, hostname: 'orders-1' })
    t.same(await send(receiver, 300), { kind: 'taken', refused: 0 })
    t.same(
      server.messages.map(({ parameters }) => parameters.action),
      rowsOf(300).map(({ action }) => action)
    )
    t.match(server.messages[0], { hostname: 'orders-1', priority: 110 })
  })
}

t.test('a syslog receiver that dies without the end of TLS does not have the batch', async t => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const server = await syslogServer(t, { minVersion: version, maxVersion: version })
    // Lets the handshake through and the rows, and then ends as the kernel of a machine does whose process is killed.
    const dying = createTcpServer(client => {
      const onward = connect(server.port, '127.0.0.1')
      for (const socket of [client, onward]) socket.on('error', () => {})
      let bytes = 0
      client.on('data', part => {
        bytes += part.length
        onward.write(part)
      })
      client.once('end', () => onward.end())
      onward.on('data', part => {
        if (bytes < 20_000) client.write(part)
      })
      onward.once('end', () => client.end())
    })
    await new Promise<void>(resolve => dying.listen(0, '127.0.0.1', resolve))
    t.after(() => dying.close())
    const { port } = dying.address() as AddressInfo
    await t.rejects(send(syslogReceiver(`syslog+tls://localhost:${port}`, { ca }), 300), {
      message: 'the receiver closed the connection without having read everything'
    })
  }
})

t.test('a receiver is believed by its certificate alone, whatever the environment says', async t => {
  const server = await syslogServer(t)
  const collector = await logCollector(t)
  const stranger = await (await makeAuthority()).issue({ names: ['localhost'] })
  const otherName = await authority.issue({ names: ['siem.example.com'] })
  const wrong = await syslogServer(t, { cert: otherName.certificate, key: otherName.privateKey })
  const verification = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.after(() => {
    if (verification === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = verification
  })
  const logs = `${collector.origin}/v1/logs`
  for (const receiver of [
    syslogReceiver(`syslog+tls://localhost:${server.port}`),
    syslogReceiver(`syslog+tls://localhost:${server.port}`, { ca: stranger.ca }),
    syslogReceiver(`syslog+tls://localhost:${wrong.port}`, { ca }),
    otlpReceiver(logs),
    otlpReceiver(logs, { ca: stranger.ca })
  ]) {
    await t.rejects(send(receiver, 1), {
      code: /UNABLE_TO_VERIFY_LEAF_SIGNATURE|ERR_TLS_CERT_ALTNAME_INVALID|SELF_SIGNED/
    })
  }
  t.same([...server.messages, ...wrong.messages, ...collector.logs], [])
  await send(syslogReceiver(`syslog+tls://127.0.0.1:${server.port}`, { ca }), 1)
  t.equal(server.messages.length, 1, 'an address is a name too')
})

t.test('a receiver that asks for a certificate is shown one', async t => {
  const own = await authority.issue({ names: ['order-service'] })
  const asks = { requestCert: true, rejectUnauthorized: true }
  const server = await syslogServer(t, asks)
  const collector = await logCollector(t, asks)
  const shown = { ca, certificate: own.certificate, privateKey: own.privateKey }
  await t.rejects(send(syslogReceiver(`syslog+tls://localhost:${server.port}`, { ca }), 1))
  await t.rejects(send(otlpReceiver(`${collector.origin}/v1/logs`, { ca }), 1))
  await send(syslogReceiver(`syslog+tls://localhost:${server.port}`, shown), 1)
  await send(otlpReceiver(`${collector.origin}/v1/logs`, shown), 1)
  t.match(server.clients, [/order-service/])
  t.equal(collector.logs.length, 1)
})

t.test('a receiver that reads nothing is given up in time, and holds nothing open', async t => {
  const server = await syslogServer(t, {})
  server.onData = socket => socket.pause()
  await t.rejects(send(syslogReceiver(`syslog+tls://localhost:${server.port}`, { ca }), 300, 300))
  const collector = await logCollector(t)
  collector.answer = () => {}
  await t.rejects(send(otlpReceiver(`${collector.origin}/v1/logs`, { ca }), 1, 300))
})

t.test('a receiver that nobody is at is a failure of the batch, and of nothing else', async t => {
  const server = await syslogServer(t)
  await server.close()
  for (let time = 0; time < 3; time++) {
    await t.rejects(send(syslogReceiver(`syslog+tls://localhost:${server.port}`, { ca }), 1), { code: 'ECONNREFUSED' })
  }
  // An error that nobody listens to would end the process a moment later.
  await new Promise(resolve => setImmediate(resolve))
  await t.rejects(send(otlpReceiver(`https://localhost:${server.port}/v1/logs`, { ca }), 1), { code: 'ECONNREFUSED' })
})

t.test('a collector gets every row as a log record, and its answer says what becomes of the batch', async t => {
  const collector = await logCollector(t)
  const headers = { authorization: 'Bearer of-the-collector' }
  const receiver = otlpReceiver(`${collector.origin}/v1/logs`, { ca, headers, serviceName: 'orders' })
  t.same(await send(receiver, 2), { kind: 'taken', refused: 0 })
  t.match(collector.headers(), headers)
  t.match(collector.logs, [
    {
      resource: { 'service.name': 'orders' },
      attributes: { 'log.record.uid': String, 'sallyport.audit.sequence': 1, 'sallyport.audit.action': 'action.0' }
    },
    { attributes: { 'sallyport.audit.sequence': 2 } }
  ])
  collector.answer = (_logs, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end('{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}}')
    return false
  }
  t.same(await send(receiver, 2), { kind: 'taken', refused: 1 })
  const answering = async (status: number, more = {}): Promise<unknown> => {
    collector.answer = (_logs, response) => {
      response.writeHead(status, more).end()
    }
    return await send(receiver, 2)
  }
  for (const status of [400, 413, 422]) t.match(await answering(status), { kind: 'refused' })
  for (const status of [301, 401, 403, 404, 429, 500, 502, 503, 504]) {
    await t.rejects(answering(status, { location: `${collector.origin}/elsewhere` }), {
      message: `the collector answered ${status}`
    })
  }
  const later: unknown = await answering(503, { 'retry-after': '17' }).catch((error: unknown) => error)
  t.match(later, { retryAfterSeconds: 17 })
  t.equal(collector.logs.length, 4)
})

t.test('rows leave this machine over TLS alone, and no address has credentials in it', async t => {
  for (const url of [
    'http://siem.example.com/v1/logs',
    'ftp://localhost/',
    'nonsense',
    'https://user:secret@localhost/v1/logs'
  ]) {
    t.throws(() => otlpReceiver(url), TypeError, url)
  }
  t.throws(() => otlpReceiver('https://localhost/v1/logs', { headers: { 'x-key': 'a\r\nx: y' } }), TypeError)
  for (const url of [
    'syslog://localhost:514',
    'syslog+tcp://localhost:514',
    'nonsense',
    'syslog+tls://user:secret@localhost',
    'syslog+tls://localhost/path',
    'syslog+tls://localhost?x=1',
    'syslog+tls://'
  ]) {
    t.throws(() => syslogReceiver(url), TypeError, url)
  }
  const plain = createHttpServer((request, response) => {
    request.resume()
    request.on('end', () => response.end('{}'))
  }).listen(0, '127.0.0.1')
  await once(plain, 'listening')
  t.after(() => plain.close())
  const { port } = plain.address() as AddressInfo
  t.match(await send(otlpReceiver(`http://127.0.0.1:${port}/v1/logs`), 1), { kind: 'taken' })
  t.equal(syslogReceiver('syslog+tls://siem.example.com').name, 'syslog siem.example.com:6514')
})
