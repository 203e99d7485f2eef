import { generateKeyPairSync, sign } from 'node:crypto'
import t from 'tap'
import { authorizeUrl, authorized, browser, pkce, requestOf, WEB_APP } from '../support/browser.ts'
import { claimsOf, introspect, login, post, startServer, token } from '../support/authorization-server.ts'

const KID = 'key-of-the-test'
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const encoded = (text: string): string => Buffer.from(text).toString('base64url')

/** A JWT of these very texts, signed with a key that the server publishes. */
function signed(header: string, payload: string, encode = encoded): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

/** Other spellings of one token; a reader that takes one of them may see another token than the next reader does. */
function spellings(type: string, claims: Record<string, unknown>): Record<string, string> {
  const header = `{"typ":"${type}","alg":"ES256","kid":"${KID}"}`
  const payload = JSON.stringify(claims)
  const more = (text: string, members: string): string => `${text.slice(0, -1)},${members}}`
  return {
    'a claim twice': signed(header, more(payload, `"sub":${JSON.stringify(claims.sub)}`)),
    'a claim twice, once escaped': signed(header, more(payload, `"\\u0073ub":${JSON.stringify(claims.sub)}`)),
    'a member of the header twice': signed(more(header, '"alg":"ES256"'), payload),
    'a claim twice inside an object': signed(header, more(payload, '"x":{"a":1,"a":1}')),
    'nested 40 deep': signed(header, more(payload, `"x":${'['.repeat(40)}${']'.repeat(40)}`)),
    'a critical extension': signed(more(header, '"crit":["exp"]'), payload),
    'an unencoded payload': signed(more(header, '"b64":true'), payload),
    'a byte order mark': signed(header, `\uFEFF${payload}`),
    padding: signed(header, payload, text =>
      Buffer.from(text)
        .toString('base64')
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .padEnd(4 * Math.ceil(text.length / 3), '=')
    ),
    'a line break': `${signed(header, payload)}\n`,
    'four parts': `${signed(header, payload)}.x`,
    'more than 8 KB': signed(header, more(payload, `"x":"${'y'.repeat(8192)}"`)),
    'another type': signed(header.replace(type, 'application/jwt-of-something'), payload),
    'no algorithm': signed(header.replace('ES256', 'none'), payload)
  }
}

async function start(t: Parameters<typeof startServer>[0]) {
  const server = await startServer(t)
  await login(server.app)
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  const { id: _id, kid: _kid, ...row } = (await server.db('signing_keys').first()) as Record<string, unknown>
  await server
    .db('signing_keys')
    .insert({ ...row, kid: KID, public_jwk: JSON.stringify({ kty, crv, x, y }), state: 'published', signing_at: null })
  server.clock.advance(10)
  return server
}

t.test('an access token is read in one spelling only, as every resource server reads it', async t => {
  const { app } = await start(t)
  const claims = claimsOf((await login(app)).body.access_token)
  const plain = signed(`{"typ":"at+jwt","alg":"ES256","kid":"${KID}"}`, JSON.stringify(claims))
  t.match(await introspect(app, plain), { active: true }, 'the key of the test counts')
  for (const [name, value] of Object.entries(spellings('at+jwt', claims))) {
    t.strictSame(await introspect(app, value), { active: false }, name)
  }
})

t.test(
  'an id token is read in one spelling only, where it comes back as a hint and where it is offered for revocation',
  async t => {
    const { app } = await start(t)
    const { verifier, challenge } = pkce()
    const user = browser(app)
    const { answer } = await authorized(user, authorizeUrl(requestOf(challenge, { scope: 'openid' })))
    const tokens = await token(app, 'web-app', {
      grant_type: 'authorization_code',
      code: answer.code ?? '',
      redirect_uri: WEB_APP.redirect_uri,
      code_verifier: verifier
    })
    const claims = claimsOf((tokens.body as unknown as { id_token: string }).id_token)
    const plain = signed(`{"typ":"JWT","alg":"ES256","kid":"${KID}"}`, JSON.stringify(claims))
    const hinted = async (hint: string): Promise<string> =>
      String(
        (await app.inject(authorizeUrl({ ...requestOf(pkce().challenge), id_token_hint: hint, prompt: 'none' })))
          .headers.location
      )
    t.match(await hinted(plain), /error=login_required/, 'a good hint: nobody is signed in in this browser')
    t.equal((await post(app, '/oauth2/revoke', 'web-app', { token: plain })).body.error, 'unsupported_token_type')
    for (const [name, value] of Object.entries(spellings('JWT', claims))) {
      t.match(await hinted(value), /error=invalid_request/, `${name}: no hint`)
      t.equal((await post(app, '/oauth2/revoke', 'web-app', { token: value })).status, 200, `${name}: unknown`)
    }
  }
)
