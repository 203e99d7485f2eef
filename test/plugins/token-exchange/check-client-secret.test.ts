// A client secret that changes while the process runs.
import { clientSecretSubscriber, createTokenClient, discoverMetadata } from '@sallyport/token-exchange'
import t from 'tap'
import { authorizationServer, TOKEN_ANSWER } from '../../support/fake-authorization-server.ts'

const basic = (secret: string): string => `Basic ${Buffer.from(`gateway:${secret}`).toString('base64')}`

t.test('a new secret is asked about before it is used, and used from then on', async t => {
  const server = await authorizationServer(t)
  const good = ['first', 'second']
  server.answer = ({ authorization }, reply) =>
    good.some(secret => authorization === basic(secret))
      ? TOKEN_ANSWER
      : reply.code(401).send({ error: 'invalid_client' })
  let secret = 'first'
  const client = { metadata: async () => await discoverMetadata({ issuer: server.issuer }), clientId: 'gateway' }
  const tokenClient = createTokenClient({ ...client, clientSecret: () => secret })
  const { validate } = clientSecretSubscriber({ ...client, current: () => secret })
  const refusal = async (clientSecret?: string): Promise<unknown> =>
    await Promise.resolve(validate({ clientSecret })).then(
      () => 'taken',
      (error: unknown) => error
    )

  t.equal(await refusal('first'), 'taken')
  t.equal(server.received.length, 0, 'nothing new, nothing asked')
  t.equal(await refusal('second'), 'taken')
  t.match(server.received, [{ path: '/oauth2/revoke', authorization: basic('second') }])
  for (const wrong of ['canary-third', undefined]) {
    const refused = await refusal(wrong)
    t.match(refused, { code: 'SALLYPORT_TOKEN_CLIENT_SECRET_REFUSED' })
    t.notMatch(String(refused), 'canary')
  }
  await tokenClient.clientCredentials({ audience: 'a' })
  t.equal(server.received.at(-1)?.authorization, basic('first'))
  secret = 'second'
  await tokenClient.clientCredentials({ audience: 'a' })
  t.equal(server.received.at(-1)?.authorization, basic('second'))
})

t.test('what a server says about the token is no objection to the secret; an outage is', async t => {
  const server = await authorizationServer(t)
  const metadata = async () => await discoverMetadata({ issuer: server.issuer })
  const { validate } = clientSecretSubscriber({ metadata, clientId: 'gateway', current: () => 'first' })
  for (const [status, error, taken] of [
    [400, 'unsupported_token_type', true],
    [400, 'invalid_grant', true],
    [401, 'invalid_client', false],
    [429, 'slow_down', false],
    [500, 'server_error', false]
  ] as const) {
    server.answer = (_form, reply) => reply.code(status).send({ error })
    const answer = Promise.resolve(validate({ clientSecret: 'second' }))
    if (taken) await t.resolves(answer, error)
    else await t.rejects(answer, { code: 'SALLYPORT_TOKEN_CLIENT_SECRET_REFUSED' }, error)
  }
})
