// npm oidc-provider as issuer of the gateway, with pages, over TLS.
import type { Test } from 'tap'
import { certificateFiles, makeAuthority } from '../../support/certificates.ts'
import { freePort } from '../../support/free-port.ts'
import { ACR_VALUES, RESOURCE, startOidcIssuer } from '../../support/oidc-issuer.ts'
import { follow } from './person.ts'
import { startStoredGateway } from './stored-gateway.ts'
import type { TriedIssuer } from './tried-issuer.ts'

const CLIENT = { clientId: 'web', clientSecret: 'web-secret-web-secret-web-secret-web' }
/** The access tokens of the issuer are good for five minutes. */
const ALMOST_ENDED_MS = 280_000
const AN_HOUR_SECONDS = 3600

/** Starts the issuer and a gateway at which people log in there. */
export async function startOidcProvider(t: Test): Promise<TriedIssuer> {
  const authority = await makeAuthority()
  const certificate = await authority.issue({ names: ['localhost'] })
  const { caPath } = certificateFiles(t, certificate)
  const port = await freePort()
  const origin = `https://127.0.0.1:${port}`
  const metadata = {
    client_id: CLIENT.clientId,
    client_secret: CLIENT.clientSecret,
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: [`${origin}/login/callback`],
    post_logout_redirect_uris: [`${origin}/logout/callback`],
    backchannel_logout_uri: `${origin}/logout/backchannel`,
    backchannel_logout_session_required: true,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    id_token_signed_response_alg: 'ES256'
  }
  const provider = await startOidcIssuer(t, [metadata], { tls: certificate, pages: true })
  const { issuer } = provider
  const [, strongAcr] = ACR_VALUES
  const running = await startStoredGateway(t, {
    authority,
    port,
    issuer,
    jwksPath: '/jwks',
    audience: RESOURCE,
    client: CLIENT,
    strongAcr
  })
  let refreshes = 0
  const logIn = 'button[value=go-on]'
  const confirmed = 'button[name=logout][value=yes]'

  const signIn: TriedIssuer['signIn'] = async page => {
    await page.fill('#account', 'person-1')
    await follow(page, logIn)
  }
  return {
    gateway: running.gateway,
    issuer,
    caFile: caPath,
    signIn,
    async signInStrongly(page) {
      await page.fill('#code', '123456')
      await signIn(page)
    },
    async signInLongAgo(page) {
      const { person } = provider
      provider.person = { ...person, loggedInSecondsAgo: AN_HOUR_SECONDS }
      await signIn(page)
      provider.person = person
    },
    asksWhoThisIs: async page => page.url().startsWith(issuer) && (await page.isVisible('#account')),
    confirmLogout: async page => await follow(page, confirmed),
    async logOutAtIssuer(page) {
      await page.goto(`${issuer}/session/end?client_id=${CLIENT.clientId}`)
      await follow(page, confirmed)
    },
    async endAccess() {
      refreshes = provider.refreshes()
      running.aheadMs = ALMOST_ENDED_MS
    },
    async isRenewed() {
      running.aheadMs = 0
      return provider.refreshes() > refreshes
    },
    without: {}
  }
}
