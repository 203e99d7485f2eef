// What becomes of a token of `mtls-client`, at the gateway and at a service that is called directly.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readStack, type LocalFacts, type OwnStack } from '@sallyport/local'
import { Agent, request } from 'undici'

const CLIENT_ID = 'mtls-client'
const SERVICE = 'restaurant-service'
/** Whose certificate of the same authority the client does not have. */
const SOMEBODY_ELSE = 'order-service'

interface Presented {
  readonly status: number
  readonly code: string | undefined
}

/** How a place answers to one token on three connections. */
export interface PresentedToken {
  readonly withItsCertificate: Presented
  readonly withoutCertificate: Presented
  readonly withAnother: Presented
}

/** Gets a token for each place and presents it there. The gateway has to end TLS itself. */
export async function presentBoundTokens(
  own: Pick<OwnStack, 'directory' | 'localJson'>
): Promise<{ readonly atGateway: PresentedToken; readonly atService: PresentedToken }> {
  const stack = readStack(own.localJson)
  const ca = readFileSync(stack.caFile, 'utf8')
  const certificates = certificatesOf(own)
  const tokenFor = async (audience: Record<string, string>): Promise<string> => {
    const agent = new Agent({ connect: { ca, ...certificates.its } })
    const metadata = await request(`${stack.issuer}/.well-known/oauth-authorization-server`, { dispatcher: agent })
    const { mtls_endpoint_aliases: aliases } = (await metadata.body.json()) as {
      mtls_endpoint_aliases: { token_endpoint: string }
    }
    const form = { grant_type: 'client_credentials', client_id: CLIENT_ID, scope: 'restaurants:read', ...audience }
    const response = await request(aliases.token_endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
      dispatcher: agent
    })
    const { access_token: token } = (await response.body.json()) as { access_token: string }
    await agent.close()
    return token
  }
  const present = async (url: string, servername: string, token: string): Promise<PresentedToken> => {
    const on = async (certificate: object): Promise<Presented> => {
      const dispatcher = new Agent({ connect: { ca, servername, ...certificate } })
      const { statusCode, body } = await request(url, { headers: { authorization: `Bearer ${token}` }, dispatcher })
      const { code } = (await body.json()) as { code?: string }
      await dispatcher.close()
      return { status: statusCode, code }
    }
    return {
      withItsCertificate: await on(certificates.its),
      withoutCertificate: await on({}),
      withAnother: await on(certificates.anothers)
    }
  }
  const { hostname, port } = new URL(stack.gateway)
  return {
    atGateway: await present(`${stack.gateway}/restaurants`, hostname, await tokenFor({})),
    atService: await present(
      `https://127.0.0.1:${Number(port) + 3}/restaurants`,
      `${SERVICE}.sallyport.internal`,
      await tokenFor({ audience: SERVICE })
    )
  }
}

function certificatesOf({ directory, localJson }: Pick<OwnStack, 'directory' | 'localJson'>) {
  const { clients } = JSON.parse(readFileSync(localJson, 'utf8')) as LocalFacts
  const { certificateFile = '', privateKeyFile = '' } = clients.find(({ clientId }) => clientId === CLIENT_ID) ?? {}
  const read = (certificate: string, key: string) => ({
    cert: readFileSync(certificate, 'utf8'),
    key: readFileSync(key, 'utf8')
  })
  const path = (suffix: string): string => join(directory, 'certificates', `${SOMEBODY_ELSE}${suffix}`)
  return { its: read(certificateFile, privateKeyFile), anothers: read(path('.pem'), path('-key.pem')) }
}
