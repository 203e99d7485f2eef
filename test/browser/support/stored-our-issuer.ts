// Our authorization server in this process as issuer of a gateway with a store, which hears of logouts there.
import type { Test } from 'tap'
import { admin } from '@sallyport/auth-server'
import { administration } from '../../support/administration.ts'
import { FACTS, secretOf, startServer } from '../../support/authorization-server.ts'
import { certificateFiles, makeAuthority } from '../../support/certificates.ts'
import { freePort } from '../../support/free-port.ts'
import { signIn } from './person.ts'
import { atOurIssuer } from './our-issuer.ts'
import { startStoredGateway } from './stored-gateway.ts'
import type { TriedIssuer } from './tried-issuer.ts'

const ALMOST_ENDED_SECONDS = 290
const AN_HOUR_SECONDS = 3600

/** Starts both. */
export async function startStoredOurIssuer(t: Test): Promise<TriedIssuer> {
  const authority = await makeAuthority()
  const certificate = await authority.issue({ names: ['localhost'] })
  const [port, issuerPort] = [await freePort(), await freePort()]
  const origin = `https://127.0.0.1:${port}`
  const issuer = `https://localhost:${issuerPort}`
  const notices: Array<() => Promise<void>> = []
  const server = await startServer(
    t,
    { issuer },
    {
      tls: { ...certificate, ca: authority.certificate },
      logoutDelivery: {
        ca: authority.certificate,
        schedule: run => {
          notices.push(run)
          return { stop: () => {} }
        }
      }
    }
  )
  await server.app.listen({ port: issuerPort, host: '127.0.0.1' })
  await admin.changeClient(administration(server.db), 'gateway', {
    redirectUris: [`${origin}/login/callback`],
    postLogoutRedirectUris: [`${origin}/logout/callback`],
    backchannelLogoutUri: `${origin}/logout/backchannel`
  })
  const running = await startStoredGateway(t, {
    authority,
    port,
    issuer,
    jwksPath: '/oauth2/jwks',
    audience: 'sallyport-gateway',
    client: { clientId: 'gateway', clientSecret: secretOf('gateway') },
    clock: () => server.clock.ms
  })
  const account = { username: 'customer1', password: FACTS.users.customer1.password }
  const at = atOurIssuer(issuer, account)
  let renewedFrom = 0
  const refreshes = (): number => server.events.filter(({ reason }) => reason === 'token-issued').length
  return {
    ...at,
    gateway: running.gateway,
    caFile: certificateFiles(t, certificate).caPath,
    async signInLongAgo(page) {
      await signIn(page, account)
      server.clock.advance(AN_HOUR_SECONDS)
    },
    async logOutAtIssuer(page) {
      await at.logOutAtIssuer(page)
      for (const deliver of notices) await deliver()
    },
    async endAccess() {
      renewedFrom = refreshes()
      server.clock.advance(ALMOST_ENDED_SECONDS)
    },
    isRenewed: async () => refreshes() > renewedFrom
  }
}
