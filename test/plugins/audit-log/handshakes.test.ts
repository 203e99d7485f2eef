// TLS handshakes that fail are in the trail, however many there are.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, type ConnectionOptions } from 'node:tls'
import auditLog from '@sallyport/audit-log'
import { serverTls } from '@sallyport/secure-transport'
import securityContext from '@sallyport/security-context'
import Fastify from 'fastify'
import { connect as connectPlain } from 'node:net'
import t from 'tap'
import { makeAuthority } from '../../support/certificates.ts'
import { auditDatabase, rowsOf } from './support/audited-app.ts'

t.test('handshakes that fail are counted by source and reason, and none of them is a row of its own', async t => {
  const database = await auditDatabase(t)
  const [authority, foreign] = [await makeAuthority(), await makeAuthority()]
  const own = await authority.issue({ names: ['127.0.0.1', 'localhost'] })
  const [known, stranger] = [await authority.issue({ names: ['peer'] }), await foreign.issue({ names: ['peer'] })]
  const app = Fastify({ https: serverTls({ ...own, ca: authority.certificate }, { clientCertificates: 'required' }) })
  t.after(async () => {
    await app.close()
  })
  await app.register(securityContext)
  let now = Date.UTC(2026, 0, 1)
  await app.register(auditLog, {
    db: database.app,
    process: 'order-service',
    clock: () => now,
    schedule: () => ({ stop: () => {} })
  })
  app.get('/', { config: { audit: 'none' } }, async () => 'served')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo

  /** One attempt; the end of it is that of the connection. */
  async function knock(options: ConnectionOptions): Promise<void> {
    const failed = once(app.server, 'tlsClientError')
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.certificate, ...options })
    socket.on('error', () => {})
    await Promise.race([failed, once(socket, 'end')])
    socket.destroy()
  }
  const certificate = (issued: { certificate: string; privateKey: string }) => ({
    cert: issued.certificate,
    key: issued.privateKey
  })
  const rows = async () => {
    await app.sealAudit()
    return (await rowsOf(database.superuser)).map(({ action, outcome, reason, repeats, detail }) => ({
      action,
      outcome,
      reason,
      repeats,
      times: Object.hasOwn(detail ?? {}, 'firstAt')
    }))
  }

  await knock(certificate(stranger))
  const [first] = await rows()
  const refused = { action: 'connection.handshake', outcome: 'denied', reason: /^(?:UNABLE|SELF_SIGNED|DEPTH_ZERO)/ }
  t.match(first, { ...refused, repeats: 1 }, 'a certificate that no known authority vouches for')
  for (let attempt = 0; attempt < 20; attempt++) await knock(certificate(stranger))
  now += 60_000
  const flooded = await rows()
  t.equal(flooded.length, 2, 'twenty more are one row')
  t.match(flooded[1], { reason: first?.reason, repeats: 20, times: true })

  await knock({})
  await knock({ ...certificate(known), minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })
  const others = (await rows()).slice(2).map(({ action, reason }) => `${action} ${reason}`)
  t.match(others.toSorted(), [
    /^connection\.handshake ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE$/,
    /^connection\.handshake ERR_SSL_(?:UNSUPPORTED_PROTOCOL|NO_SUITABLE|WRONG_VERSION)/
  ])

  const lettingGo = connectPlain(port, '127.0.0.1')
  await once(lettingGo, 'connect')
  const noticed = once(app.server, 'tlsClientError')
  lettingGo.destroy()
  await noticed
  t.equal((await rows()).length, 4, 'who only asks whether the port is open is no row')
  const [row] = (await rowsOf(database.superuser)).filter(({ repeats }) => repeats === 20)
  t.equal(row?.source_address, null, 'its address is sealed like any other')
  t.type(row?.sealed, 'string')
})
