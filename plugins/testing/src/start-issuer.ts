import { createServer } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Agent } from 'undici'
import { makeAuthority } from './authority.ts'
import { answerIssuerRequest } from './issuer-endpoints.ts'
import { createIssuerState } from './create-issuer.ts'
import type { TestIssuerOptions } from './options.ts'
import type { TestIssuer } from './test-issuer.ts'
import { whenTestEnds, type TestLifetime } from './test-lifetime.ts'

/** An issuer that listens. */
export interface ListeningIssuer extends TestIssuer {
  /** The certificate of the authority that vouches for the server, as PEM. */
  readonly ca: string
}

/**
 * An issuer that listens with TLS on loopback, with a certificate of an authority made for it: for a service in another
 * process. Its `dispatcher` trusts that authority. Closed when the test is over.
 */
export async function startIssuer(
  t: TestLifetime,
  options: Omit<TestIssuerOptions, 'issuer'> = {}
): Promise<ListeningIssuer> {
  const authority = await makeAuthority({ name: 'Sallyport test CA' })
  const { certificate, privateKey } = await authority.issue({ names: ['localhost', '127.0.0.1'] })
  const server = createServer({ cert: certificate, key: privateKey }, (request, response) => {
    answerIssuerRequest(state, request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const state = createIssuerState({ ...options, issuer: `https://127.0.0.1:${port}` })
  const dispatcher = new Agent({ connect: { ca: authority.certificate } })
  whenTestEnds(t, async () => {
    await dispatcher.destroy()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return Object.assign(state, { ca: authority.certificate, dispatcher })
}
