import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { connect as connectTcp, createServer as createTcpServer } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import {
  createPeerAgent,
  loadTlsMaterial,
  serverOptions,
  serverTls,
  type TlsMaterial
} from '@sallyport/secure-transport'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import {
  certificateFiles,
  makeAuthority,
  type CertificateRequest,
  type IssuedCertificate
} from '../../support/certificates.ts'

const NAME = 'order-service.sallyport.internal'
const HOUR_MS = 3_600_000
const authority = await makeAuthority()
const stranger = await makeAuthority()

async function material(t: Test, issued: IssuedCertificate): Promise<TlsMaterial> {
  return loadTlsMaterial(certificateFiles(t, issued))
}

/** An https server on loopback; returns its port. */
async function serve(
  t: Test,
  tls: TlsMaterial,
  options: { clientCertificates?: 'required'; ciphers?: string } = {}
): Promise<{ app: FastifyInstance; port: number }> {
  const { ciphers, ...tlsOptions } = options
  const app = Fastify({
    ...serverOptions({ ...serverTls(tls, tlsOptions), ...(ciphers !== undefined && { ciphers }) }),
    forceCloseConnections: true
  })
  app.get('/', (request, reply) => reply.send({ host: request.headers.host }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(async () => app.close())
  return { app, port: (app.server.address() as AddressInfo).port }
}

function asMaterial({ certificate, privateKey, ca }: IssuedCertificate): TlsMaterial {
  return { certificate, privateKey, ca }
}

async function issue(request: Partial<CertificateRequest> = {}, by = authority): Promise<IssuedCertificate> {
  return by.issue({ names: [NAME], ...request })
}

/**
 * Calls the server through an agent that believes our authority; resolves with the status, rejects with the TLS error.
 */
async function call(
  t: Test,
  port: number,
  options: { host?: string; headers?: Record<string, string>; client?: IssuedCertificate } = {}
): Promise<number> {
  const { host = NAME, headers = {}, client } = options
  const agent = createPeerAgent({
    ca: authority.certificate,
    addresses: { [host]: '127.0.0.1' },
    ...(client !== undefined && { certificate: client.certificate, privateKey: client.privateKey })
  })
  t.after(async () => agent.close())
  const response = await agent.request({ origin: `https://${host}:${port}`, path: '/', method: 'GET', headers })
  await response.body.dump()
  return response.statusCode
}

t.test('T-02: a peer is reached by its name at the address in the table, with its certificate verified', async t => {
  const { port } = await serve(t, await material(t, await issue()))
  t.equal(await call(t, port), 200)
})

t.test(
  'T-01, T-02: a peer with a certificate of another authority, another name, or outside its validity is refused',
  async t => {
    const refused = {
      UNABLE_TO_VERIFY_LEAF_SIGNATURE: await issue({}, stranger),
      ERR_TLS_CERT_ALTNAME_INVALID: await issue({ names: ['restaurant-service.sallyport.internal'] }),
      CERT_HAS_EXPIRED: await issue({
        notBefore: new Date(Date.now() - 2 * HOUR_MS),
        notAfter: new Date(Date.now() - HOUR_MS)
      }),
      CERT_NOT_YET_VALID: await issue({ notBefore: new Date(Date.now() + HOUR_MS) }),
      INVALID_PURPOSE: await issue({ usages: ['client'] })
    }
    for (const [code, issued] of Object.entries(refused)) {
      const { port } = await serve(t, asMaterial(issued))
      await t.rejects(call(t, port), { code }, code)
    }
  }
)

t.test('T-01: a certificate whose name goes on after a NUL is not one for the part before it', async t => {
  for (const name of [`${NAME}\0.evil.example`, `${NAME}\0`, `evil.example\0${NAME}`, `evil.example, DNS:${NAME}`]) {
    const { port } = await serve(t, asMaterial(await issue({ names: ['evil.example', name] })))
    await t.rejects(call(t, port), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, JSON.stringify(name))
  }
})

t.test("T-02: the name that is verified is the URL's, not that of a Host header passed along", async t => {
  const { port } = await serve(t, await material(t, await issue({ names: ['evil.example'] })))
  await t.rejects(call(t, port, { headers: { host: 'evil.example' } }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

t.test('T-02: NODE_TLS_REJECT_UNAUTHORIZED does not reach a peer agent', async t => {
  const { port } = await serve(t, asMaterial(await issue({}, stranger)))
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.after(() => {
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
  })
  await t.rejects(call(t, port), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
})

t.test(
  "T-01: a listener that wants client certificates refuses a client with none, with a stranger's, an expired one, and one for servers only",
  async t => {
    const { port } = await serve(t, await material(t, await issue()), { clientCertificates: 'required' })
    t.equal(await call(t, port, { client: await issue({ names: ['gateway'] }) }), 200)
    await t.rejects(call(t, port), 'none')
    await t.rejects(call(t, port, { client: await issue({ names: ['gateway'] }, stranger) }), 'stranger')
    await t.rejects(
      call(t, port, {
        client: await issue({
          names: ['gateway'],
          notBefore: new Date(Date.now() - 2 * HOUR_MS),
          notAfter: new Date(Date.now() - HOUR_MS)
        })
      }),
      'expired'
    )
    await t.rejects(call(t, port, { client: await issue({ names: ['gateway'], usages: ['server'] }) }), 'wrong usage')
  }
)

/** The code of the error with which a TLS handshake ended, or the negotiated version. */
async function handshake(port: number, version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'): Promise<string> {
  const socket = connectTls({
    port,
    host: '127.0.0.1',
    servername: NAME,
    ca: authority.certificate,
    minVersion: version,
    maxVersion: version,
    ...(version === 'TLSv1.1' && { ciphers: 'DEFAULT@SECLEVEL=0' })
  })
  try {
    await once(socket, 'secureConnect')
    return socket.getProtocol() ?? ''
  } catch (error) {
    return (error as { code: string }).code
  } finally {
    socket.destroy()
  }
}

t.test('T-01: a listener speaks TLS 1.3 and 1.2, and not 1.1', async t => {
  // Ciphers with which OpenSSL itself would still speak TLS 1.1: the version is what refuses.
  const { port } = await serve(t, await material(t, await issue()), { ciphers: 'DEFAULT@SECLEVEL=0' })
  t.equal(await handshake(port, 'TLSv1.3'), 'TLSv1.3')
  t.equal(await handshake(port, 'TLSv1.2'), 'TLSv1.2')
  t.equal(await handshake(port, 'TLSv1.1'), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
})

t.test('T-01: an agent refuses a peer that speaks TLS 1.1 only', async t => {
  const issued = await issue()
  const server = createTlsServer({
    cert: issued.certificate,
    key: issued.privateKey,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0'
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
  })
  await t.rejects(call(t, (server.address() as AddressInfo).port), {
    code: /ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/
  })
})

t.test('T-01: plain HTTP to a TLS port gets no response', async t => {
  const { port } = await serve(t, await material(t, await issue()))
  const socket = connectTcp(port, '127.0.0.1')
  socket.end('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  let received = ''
  socket
    .on('data', chunk => {
      received += chunk.toString('latin1')
    })
    .on('error', () => {})
  await once(socket, 'close')
  t.notMatch(received, /HTTP\/1/)
})

t.test(
  'T-01: an agent speaks plain HTTP to loopback only, and not to a name that the table leads to loopback',
  async t => {
    const server = createTcpServer(socket => {
      socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      server.close()
    })
    const { port } = server.address() as AddressInfo
    const agent = createPeerAgent({ ca: authority.certificate, addresses: { [NAME]: '127.0.0.1' } })
    t.after(async () => agent.close())
    t.equal((await agent.request({ origin: `http://127.0.0.1:${port}`, path: '/', method: 'GET' })).statusCode, 204)
    await t.rejects(agent.request({ origin: `http://${NAME}:${port}`, path: '/', method: 'GET' }), {
      code: 'SALLYPORT_TRANSPORT_PLAINTEXT_REFUSED'
    })
  }
)

t.test('T-02: where the name of a peer is given, its certificate proves that name and no other', async t => {
  const { port } = await serve(t, await material(t, await issue()))
  const ask = async (serverName: string): Promise<number> => {
    const agent = createPeerAgent({ ca: authority.certificate, serverName })
    t.after(async () => agent.close())
    const { statusCode, body } = await agent.request({ origin: `https://127.0.0.1:${port}`, path: '/', method: 'GET' })
    await body.dump()
    return statusCode
  }
  t.equal(await ask(NAME), 200)
  await t.rejects(ask('another.example'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

t.test('P1: TLS material that cannot be used fails the boot with every mistake', async t => {
  const code = 'SALLYPORT_TRANSPORT_MATERIAL_INVALID'
  const good = certificateFiles(t, await issue())
  t.match(await loadTlsMaterial(good), { ca: authority.certificate })
  await t.rejects(loadTlsMaterial({ ...good, certificatePath: '/nowhere/a', caPath: '/nowhere/b' }), {
    code,
    message: /\/nowhere\/a cannot be read; \/nowhere\/b cannot be read/
  })
  const other = certificateFiles(t, await issue())
  await t.rejects(loadTlsMaterial({ ...good, privateKeyPath: other.privateKeyPath }), {
    code,
    message: /is not the key of/
  })
  await t.rejects(
    loadTlsMaterial(good, () => Date.now() + 100 * 24 * HOUR_MS),
    { code, message: /certificate\.pem has expired at/ }
  )
  await t.rejects(
    loadTlsMaterial(good, () => 0),
    { code, message: /certificate\.pem is not valid before .*; .*ca\.pem is not valid before/ }
  )
  writeFileSync(other.certificatePath, 'no PEM')
  writeFileSync(other.privateKeyPath, 'no PEM')
  writeFileSync(other.caPath, 'no PEM')
  await t.rejects(loadTlsMaterial(other), {
    code,
    message: /does not hold a certificate.*private key.*ca\.pem does not hold a certificate/
  })
})
