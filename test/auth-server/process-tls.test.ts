// The process entry with TLS, used by a client that nobody here wrote.
import { Agent } from 'node:https'
import t from 'tap'
import { certificateFiles, makeAuthority } from '../support/certificates.ts'
import { migratedDatabase, secretOf } from '../support/authorization-server.ts'
import { environmentFor, startServerProcess } from './support/server-process.ts'

interface SimpleModule {
  readonly ClientCredentials: new (options: object) => {
    getToken: (
      parameters: object
    ) => Promise<{ token: Record<string, unknown>; revoke: (kind: string) => Promise<void> }>
  }
}

t.test(
  'T-02: simple-oauth2 gets and revokes a token over TLS of the process, and none over a certificate that it does not trust',
  async t => {
    const { url } = await migratedDatabase(t)
    const issued = await (await makeAuthority()).issue({ names: ['localhost'] })
    const { certificatePath, privateKeyPath, caPath } = certificateFiles(t, issued)
    const server = startServerProcess(
      t,
      environmentFor(url, {
        SALLYPORT_TLS_CERTIFICATE_PATH: certificatePath,
        SALLYPORT_TLS_PRIVATE_KEY_PATH: privateKeyPath,
        SALLYPORT_TLS_CA_PATH: caPath
      })
    )
    const message = await server.message
    t.match(message, { type: 'ready', url: /^https:/ })
    // @ts-expect-error the package ships no types
    const { default: simple } = (await import('simple-oauth2')) as { default: SimpleModule }
    const client = (ca: string) =>
      new simple.ClientCredentials({
        client: { id: 'machine-client', secret: secretOf('machine-client') },
        auth: {
          tokenHost: `https://localhost:${new URL(message.type === 'ready' ? message.url : '').port}`,
          tokenPath: '/oauth2/token',
          revokePath: '/oauth2/revoke'
        },
        http: { agent: new Agent({ ca }) }
      })
    const granted = await client(issued.ca).getToken({ scope: 'orders:read' })
    t.match(granted.token, { token_type: 'Bearer', scope: 'orders:read' })
    await granted.revoke('access_token')
    await t.rejects(client((await makeAuthority()).certificate).getToken({ scope: 'orders:read' }), /certificate/)
    server.child.kill('SIGTERM')
    t.equal(await server.ended, 0)
    t.notMatch(server.stdout(), 'no clients', 'nothing to explain')
  }
)
