// The gateway's own collaborators, made while nobody listens where the issuer should be.
import { createServer } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { buildApp } from '@sallyport/reference-gateway'
import t from 'tap'
import { openContext } from '../../plugins/service-process/src/process-context.ts'
import { connectGateway } from '../../reference-gateway/src/connect.ts'
import { certificateFiles, makeAuthority } from '../support/certificates.ts'
import { accessToken, gatewayDatabase, SETTINGS } from '../support/edge.ts'
import { freePort } from '../support/free-port.ts'
import { LOCAL_ROUTES, localReferences } from '../support/local-table.ts'
import { stillSettings } from '../support/still-settings.ts'

t.test(
  'the gateway is built while the issuer is away, refuses what needs it with 503, and becomes ready by itself',
  async t => {
    const port = await freePort()
    const issuer = `https://localhost:${port}`
    const issued = await (await makeAuthority()).issue({ names: ['localhost'] })
    const { certificatePath, privateKeyPath, caPath } = certificateFiles(t, issued)
    const settings = {
      ...SETTINGS,
      databaseUrl: (await gatewayDatabase(t)).appUrl,
      issuer,
      routesPath: LOCAL_ROUTES,
      peerAddresses: ['localhost=127.0.0.1'],
      tlsCertificatePath: certificatePath,
      tlsPrivateKeyPath: privateKeyPath,
      tlsCaPath: caPath
    }
    const lines: string[] = []
    const log = {
      warn: (_detail: object, line: string) => {
        lines.push(line)
      },
      info: (_detail: object, line: string) => {
        lines.push(line)
      }
    }
    const { context, close } = await openContext({
      name: 'reference-gateway',
      settings,
      live: stillSettings(settings),
      acceptTraces: false,
      environment: localReferences(issuer),
      log
    })
    t.teardown(close)
    const app = await buildApp(settings, await connectGateway(settings, context, stillSettings(settings)))
    t.teardown(async () => {
      await app.close()
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const ready = async (): Promise<number> => (await app.operations.inject('/health/ready')).statusCode
    t.equal(await ready(), 503)
    await t.rejects(context.checks.issuer?.() ?? Promise.resolve(), { code: 'SALLYPORT_PROCESS_NOT_DISCOVERED' })
    t.match(lines, [/^issuer: not found yet/])

    const basic = `Basic ${Buffer.from('customer1:a password').toString('base64')}`
    const jwt = `Bearer ${await accessToken({ iss: issuer })}`
    for (const authorization of [jwt, 'Bearer opaque-token', basic]) {
      const refused = await app.inject({ url: '/orders', headers: { authorization } })
      t.equal(refused.statusCode, 503, authorization.slice(0, 12))
      t.match(refused.headers['retry-after'], /^\d+$/)
    }
    const login = await app.inject({
      method: 'POST',
      url: '/login',
      payload: { username: 'customer1', password: 'a password' }
    })
    t.equal(login.statusCode, 503)
    t.match(login.headers['retry-after'], /^\d+$/)

    const document = {
      issuer,
      token_endpoint: `${issuer}/oauth2/token`,
      jwks_uri: `${issuer}/oauth2/jwks`,
      introspection_endpoint: `${issuer}/oauth2/introspect`
    }
    const server = createServer({ cert: issued.certificate, key: issued.privateKey }, (request, response) => {
      const body =
        request.url?.includes('jwks') === true
          ? { keys: [] }
          : request.url?.includes('introspect') === true
            ? { active: false }
            : document
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
    }).listen(port, '127.0.0.1')
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
    while ((await ready()) !== 200) await pause(20)
    t.match(lines.at(-1), 'issuer: found')
    for (const authorization of [jwt, 'Bearer opaque-token']) {
      t.equal(
        (await app.inject({ url: '/orders', headers: { authorization } })).statusCode,
        401,
        'asked now, and refused by what the issuer says'
      )
    }
  }
)
