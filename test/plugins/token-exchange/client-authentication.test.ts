import { generateKeyPairSync } from 'node:crypto'
import {
  chooseClientMethod,
  createTokenClient,
  type AuthorizationServerMetadata,
  type ClientProofMethod,
  type TokenClientOptions
} from '@sallyport/token-exchange'
import t, { type Test } from 'tap'
import { MockAgent } from 'undici'
import { authorizationServer, TOKEN_ANSWER } from '../../support/fake-authorization-server.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const clientKey = { keyId: 'k', algorithm: 'ES256', privateKey } as const

function metadataOf(issuer: string, methods?: readonly string[]): AuthorizationServerMetadata {
  return {
    issuer,
    tokenEndpoint: `${issuer}/oauth2/token`,
    jwksUri: null,
    revocationEndpoint: `${issuer}/oauth2/revoke`,
    introspectionEndpoint: null,
    authorizationEndpoint: null,
    mtlsEndpointAliases: {},
    ...(methods !== undefined && { clientAuthenticationMethods: methods })
  }
}

/** What the server received of a client with these options. */
async function proofOf(t: Test, methods: readonly string[] | undefined, options: Partial<TokenClientOptions>) {
  const server = await authorizationServer(t)
  const client = createTokenClient({ metadata: metadataOf(server.issuer, methods), clientId: 'app', ...options })
  await client.clientCredentials({})
  const { authorization, form } = server.received.at(-1) ?? { authorization: undefined, form: new URLSearchParams() }
  const { grant_type: _grant, ...parameters } = Object.fromEntries(form)
  return { authorization, parameters }
}

t.test('a client proves itself by the first way that its credentials allow and the issuer names', async t => {
  const basic = `Basic ${Buffer.from('app:secret').toString('base64')}`
  const clientSecret = 'secret'
  t.same(await proofOf(t, undefined, { clientSecret }), { authorization: basic, parameters: {} })
  const all = ['none', 'client_secret_post', 'client_secret_basic', 'private_key_jwt']
  t.same(await proofOf(t, all, { clientSecret }), { authorization: basic, parameters: {} })
  const posted = { client_id: 'app', client_secret: 'secret' }
  t.same(await proofOf(t, ['client_secret_post'], { clientSecret }), { authorization: undefined, parameters: posted })
  const byName = { clientSecret, clientAuthentication: 'client_secret_post' as const }
  t.same(await proofOf(t, all, byName), { authorization: undefined, parameters: posted })
  const signed = await proofOf(t, all, { clientKey })
  t.match(signed.parameters, { client_id: 'app', client_assertion: /^ey/ })
  t.equal(signed.authorization, undefined)
  t.same(await proofOf(t, all, { clientAuthentication: 'none' }), {
    authorization: undefined,
    parameters: { client_id: 'app' }
  })
})

t.test('a client with a certificate uses the endpoints that the issuer has for that', async t => {
  for (const method of ['tls_client_auth', 'self_signed_tls_client_auth'] as const) {
    const agent = new MockAgent()
    agent.disableNetConnect()
    t.after(() => agent.close())
    let form = ''
    agent
      .get('https://mtls.issuer.example')
      .intercept({ path: '/token', method: 'POST' })
      .reply(200, ({ body }) => {
        form = String(body)
        return TOKEN_ANSWER
      })
    const metadata = {
      ...metadataOf('https://issuer.example', [method]),
      mtlsEndpointAliases: { token_endpoint: 'https://mtls.issuer.example/token' }
    }
    const client = createTokenClient({ metadata, clientId: 'app', clientAuthentication: method, dispatcher: agent })
    t.equal((await client.clientCredentials({})).accessToken, TOKEN_ANSWER.access_token)
    t.equal(form, 'grant_type=client_credentials&client_id=app')
  }
})

t.test('credentials and ways that do not fit together, or that the issuer does not take, do not boot', async t => {
  const refused = (options: Partial<TokenClientOptions>, methods: readonly string[] | undefined, message: RegExp) =>
    t.throws(
      () => createTokenClient({ metadata: metadataOf('https://a.example', methods), clientId: 'app', ...options }),
      {
        code: 'SALLYPORT_TOKEN_OPTIONS_INVALID',
        message
      }
    )
  const one = /exactly one of clientSecret and clientKey must be given/
  refused({}, undefined, one)
  refused({ clientSecret: 's', clientKey }, undefined, one)
  refused({ clientAuthentication: 'private_key_jwt' }, undefined, /clientKey is missing, which private_key_jwt needs/)
  refused({ clientAuthentication: 'tls_client_auth' }, undefined, /dispatcher is missing/)
  refused({ clientAuthentication: 'none', clientSecret: 's' }, undefined, /clientSecret is of no use with none/)
  refused({ clientSecret: 's' }, ['private_key_jwt'], /clients authenticate by private_key_jwt, this one by client_sec/)
  refused({ clientKey }, ['client_secret_basic'], /this one by private_key_jwt/)
  refused(
    { clientSecret: 's', clientAuthentication: 'client_secret_post' },
    ['client_secret_basic'],
    /by client_secret_post/
  )
})

t.test('metadata that is found later refuses in the same way, as an outage of ours', async t => {
  const metadata = async () => metadataOf('https://a.example', ['private_key_jwt'])
  const client = createTokenClient({ metadata, clientId: 'app', clientSecret: 's' })
  await t.rejects(client.clientCredentials({}), {
    code: 'SALLYPORT_TOKEN_UNAVAILABLE',
    cause: { code: 'SALLYPORT_TOKEN_METADATA_INVALID' }
  })
})

t.test('an assertion is signed by an algorithm that the issuer names', async t => {
  const facts = { clientAuthenticationMethods: ['private_key_jwt'], clientAssertionAlgorithms: ['RS256'] }
  t.throws(() => chooseClientMethod({ clientKey }, facts), {
    code: 'SALLYPORT_TOKEN_METADATA_INVALID',
    message: /signed by RS256, not ES256/
  })
  const chosen: ClientProofMethod = chooseClientMethod(
    { clientKey },
    { ...facts, clientAssertionAlgorithms: ['ES256'] }
  )
  t.equal(chosen, 'private_key_jwt')
})
