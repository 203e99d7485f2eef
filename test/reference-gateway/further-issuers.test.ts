// A gateway that takes tokens of a partner's issuer, by a setting.
import { role } from '@sallyport/authorization'
import { createIssuer, type TestIssuer } from '@sallyport/testing'
import type { GatewaySettings } from '@sallyport/reference-gateway'
import type { LoginClient } from '@sallyport/security-context'
import t, { type Test } from 'tap'
import { settingsMistakes } from '../../reference-gateway/src/settings.ts'
import { createOpenAnswers } from '../../reference-gateway/src/watch-open-answers.ts'
import { accessToken, keys, orderRoute, orderTable, SETTINGS, startEdge } from '../support/edge.ts'

const PARTNER = 'https://partner.example'

const furtherIssuers = (...changes: readonly object[]): string =>
  JSON.stringify(changes.map(change => ({ issuer: PARTNER, audience: 'partner-edge', roles: ['CUSTOMER'], ...change })))

const LOGIN: LoginClient = {
  issuer: async () => ({
    issuer: SETTINGS.issuer,
    clientId: 'gateway',
    answersNameIssuer: true,
    endSessionEndpoint: null
  }),
  authorizationUrl: async () => `${SETTINGS.issuer}/authorize`,
  redeem: async () => await Promise.reject(new Error('not expected'))
}

async function startWithPartner(t: Test, settings: Partial<GatewaySettings> = { furtherIssuers: furtherIssuers({}) }) {
  const partner = createIssuer({ issuer: PARTNER, audience: 'partner-edge' })
  const edge = await startEdge(t, {
    settings,
    table: orderTable(
      orderRoute({ forward: 'token', access: role('CUSTOMER') }),
      orderRoute({ path: '/reports/*', forward: 'token', access: role('ADMIN') })
    ),
    collaborators: { issuerAgent: partner.dispatcher, loginClient: LOGIN }
  })
  const status = async (url: string, token: string): Promise<number> =>
    (await edge.app.inject({ url, headers: { host: '127.0.0.1', authorization: `Bearer ${token}` } })).statusCode
  return { partner, edge, status }
}

t.test(
  'V22: a partner’s tokens are held to what the setting says of that issuer, and give the roles it names',
  async t => {
    const { partner, edge, status } = await startWithPartner(t)
    const roles = ['CUSTOMER', 'ADMIN']
    const token = partner.token({ roles })
    t.equal(await status('/orders/7', token), 200)
    t.equal(edge.orders.received.at(-1)?.headers.authorization, `Bearer ${token}`)
    t.equal(await status('/reports/7', token), 403, 'a role that it was not given')
    t.equal(await status('/reports/7', await accessToken({ roles })), 200, 'our issuer gives all, as ever')
    for (const [title, wrong] of Object.entries({
      'for our audience': partner.token({ roles, aud: 'sallyport-gateway' }),
      'that says it is ours': partner.token({ roles, iss: SETTINGS.issuer }),
      'of ours that says it is the partner’s': await accessToken({ roles, iss: PARTNER, aud: 'partner-edge' }),
      'of nobody we know': partner.token({ roles, iss: `${PARTNER}/` })
    })) {
      t.equal(await status('/orders/7', wrong), 401, title)
    }
  }
)

t.test('without the setting nobody else is trusted', async t => {
  const { partner, status } = await startWithPartner(t, {})
  t.equal(await status('/orders/7', partner.token({ roles: ['CUSTOMER'], aud: 'sallyport-gateway' })), 401)
})

const WRONG: Record<string, readonly [text: string, message: RegExp]> = {
  'is no JSON': ['[{"issuer": "https://planted.example"', /^furtherIssuers is not JSON$/],
  'says a member twice': [`[{"issuer":"${PARTNER}","issuer":"${PARTNER}"}]`, /^furtherIssuers is not JSON$/],
  'is no list': ['{}', /^furtherIssuers must be a list of objects$/],
  'has an issuer as text': [`["${PARTNER}"]`, /^furtherIssuers must be a list of objects$/],
  'is empty': ['[]', /^furtherIssuers must/],
  'names an issuer twice': [furtherIssuers({}, {}), /furtherIssuers: two are called https:\/\/partner\.example/],
  'names our own': [furtherIssuers({ issuer: SETTINGS.issuer }), /furtherIssuers\.0\.issuer is issuer itself/],
  'names nobody': ['[{}]', /furtherIssuers\.0\.issuer is missing/],
  'names one without TLS': [furtherIssuers({ issuer: 'http://partner.example' }), /furtherIssuers\.0\.issuer must/],
  'takes secrets as keys': [furtherIssuers({ algorithms: ['HS256'] }), /furtherIssuers\.0\.algorithms not known here/],
  'has a profile of nobody': [furtherIssuers({ profile: 'okra' }), /furtherIssuers\.0\.profile must/],
  'has roles of another form': [furtherIssuers({ roles: 'some' }), /furtherIssuers\.0\.roles must/],
  'is lenient about time': [
    furtherIssuers({ clockToleranceSeconds: 61 }),
    /furtherIssuers\.0\.clockToleranceSeconds must/
  ],
  'says where keys are in two ways': [
    furtherIssuers({ jwksUri: `${PARTNER}/jwks`, metadataUri: `${PARTNER}/metadata` }),
    /furtherIssuers\.0\.metadataUri is of no use/
  ],
  'has a member that cannot be written down': [
    furtherIssuers({ keys: {} }),
    /furtherIssuers\.0\.keys is not an option/
  ],
  'has a misspelt one': [furtherIssuers({ audiences: 'a' }), /audiences is not an option \(did you mean audience\?\)/]
}

t.test('a setting that is wrong is refused at boot, by the name of what is wrong and without its text', async t => {
  for (const [title, [text, message]] of Object.entries(WRONG)) {
    const mistakes = settingsMistakes({ ...SETTINGS, furtherIssuers: text })
    t.match(mistakes.join('; '), message, `a setting that ${title}`)
    t.notMatch(mistakes.join('; '), /planted/)
  }
  t.same(settingsMistakes({ ...SETTINGS, furtherIssuers: furtherIssuers({}, { issuer: `${PARTNER}/other` }) }), [])
})

t.test('an answer to a partner’s caller goes on while the partner’s token is good, and no longer', async t => {
  const partner: TestIssuer = createIssuer({ issuer: PARTNER, audience: 'partner-edge' })
  const { edge } = await startWithPartner(t)
  const runs: Array<() => Promise<void>> = []
  let isGood = true
  const verifier = {
    verify: async () => {
      if (isGood) return principal
      throw Object.assign(new Error('refused'), { code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID' })
    }
  }
  const open = createOpenAnswers({
    issuer: SETTINGS.issuer,
    verifier,
    keys,
    schedule: run => {
      runs.push(async () => run())
      return { stop: () => {} }
    }
  })
  const principal = { ...(await edge.app.tokenVerifier.verify(await accessToken())), issuer: PARTNER }
  const ends: string[] = []
  open.add({ principal, accessToken: partner.token(), finish: null, end: reason => ends.push(reason) })
  await runs[0]?.()
  t.same(ends, [], 'a key that our issuer does not publish is no reason')
  isGood = false
  await runs[0]?.()
  t.same(ends, ['access-revoked'])
})

t.test('logins at our own issuer stand beside a partner’s tokens', async t => {
  const { edge } = await startWithPartner(t, { furtherIssuers: furtherIssuers({}), loginScopes: ['openid'] })
  const headers = { host: '127.0.0.1', accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  const begun = await edge.app.inject({ url: '/login', headers })
  t.equal(begun.headers.location, `${SETTINGS.issuer}/authorize`)
})
