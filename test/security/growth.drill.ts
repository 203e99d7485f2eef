// Everything that reads a stranger's text takes time that grows with its length, and with no power of it: 16 KB within
// 300 times of 160 B, for texts that are hard for one way of reading or another.
import { createTokenVerifier, importKeys, parseCompactJws, verifyDpopProof } from '@sallyport/authentication'
import { parseAuditQuery } from '@sallyport/audit-log'
import { sourceOf } from '@sallyport/security-context/mechanics'
import { loggerOptions } from '@sallyport/service-process'
import Fastify from 'fastify'
import t from 'tap'
import { asksForSignedResponse } from '../../auth-server/src/protocol/introspect-token.ts'
import { isRedirectUri } from '../../auth-server/src/protocol/authorize/redirect-uris.ts'
import { presentedProofs } from '../../auth-server/src/protocol/client-authentication/authenticate-client.ts'
import { parseStrictForm as parseOAuthForm } from '../../auth-server/src/parse-form.ts'
import { cleanText } from '../../plugins/audit-log/src/clean.ts'
import { readAuthorization } from '../../plugins/authentication/src/authorization-header.ts'
import { joinCookie } from '../../plugins/authentication/src/session/cookie-chunks.ts'
import { cutSessionCookies } from '../../plugins/authentication/src/session/cut-cookies.ts'
import { parseForm as parseLoginForm } from '../../plugins/authentication/src/session/form-body.ts'
import { isForeign, isSameOrigin } from '../../plugins/authentication/src/request-origin.ts'
import { duplicateHeader } from '../../plugins/secure-transport/src/header-hygiene.ts'
import { traceIdOf } from '../../plugins/security-context/src/trace.ts'
import { boundText } from '../../plugins/service-process/src/redact-text.ts'
import { redactLine } from '../../plugins/service-process/src/redact.ts'
import { parseTokenSet } from '../../plugins/token-exchange/src/token-set.ts'
import { passingNames, clientFields, responseHeaders } from '../../plugins/forwarding/src/forwarded-headers.ts'
import { targetMistake } from '../../plugins/forwarding/src/canonical-path.ts'
import { startServer } from '../support/authorization-server.ts'
import { clock, fixedKeys, goodClaims, issuerKey, signToken } from '../support/issuer.ts'
import { startEdge } from '../support/edge.ts'
import { growthOf, MOST, SHAPES, type ReadText } from '../support/growth.ts'

const key = issuerKey('ES256')
const PASSING = passingNames([])
const verifier = createTokenVerifier({
  issuer: 'https://issuer.example',
  audience: 'orders',
  keys: fixedKeys(key),
  clock
})
const [header = '', payload = '', signature = ''] = signToken(key, goodClaims({})).split('.')
const encoded = (text: string): string => Buffer.from(text).toString('base64url')
/** A header's value cannot hold everything that a text can. */
const asHeader = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, 'x').trim()
const OWN = ['https://own.example']
const cutCookies = cutSessionCookies('__Host-s-access', '__Host-s-refresh')

const presentedBy = (authorization: string): unknown =>
  presentedProofs({ authorization, form: new Map(), certificate: null })

const FUNCTIONS: Readonly<Record<string, ReadText>> = {
  'a log line with the text as a URL': text => redactLine(JSON.stringify({ req: { url: text }, msg: text })),
  'a log line that is no JSON': redactLine,
  'the URL of a log line': boundText,
  'a compact JWS': parseCompactJws,
  'an access token': text => verifier.verify(text),
  'the header of an access token': text => verifier.verify(`${encoded(text)}.${payload}.${signature}`),
  'the claims of an access token': text =>
    verifier.verify(signToken(key, goodClaims({ iss: text, scope: text, jti: text }))),
  'the signature of an access token': text => verifier.verify(`${header}.${payload}.${text}`),
  'an Authorization header': text => readAuthorization(['authorization', text]),
  'a DPoP proof': text => verifyDpopProof(text, { method: 'GET', url: 'https://own.example/', nowSeconds: 1 }),
  'a DPoP proof with the text in its header': text =>
    verifyDpopProof(
      `${encoded(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","x":${JSON.stringify(text)}}}`)}.e30.AA`,
      { method: 'GET', url: 'https://own.example/', nowSeconds: 1 }
    ),
  'a JWKS': text =>
    importKeys({
      keys: [
        { kty: 'RSA', kid: text, n: text, e: 'AQAB', alg: 'RS256', use: 'sig' },
        { kty: 'EC', crv: text, x: text, y: text, kid: 'k' }
      ]
    }),
  'a session cookie': text => joinCookie([undefined, text, text]),
  'a Cookie header': text => [cutCookies(text), cutCookies(text.split('').join(';'))],
  'a login form': text => parseLoginForm(Buffer.from(`username=${text}&password=${text}`)),
  'an Origin header': text => [
    isSameOrigin({ origin: text, 'sec-fetch-site': text }, OWN),
    isForeign({ origin: text, referer: text }, OWN)
  ],
  'header names': text => duplicateHeader(text.split('').flatMap(name => [name, 'x'])),
  'a traceparent header': traceIdOf,
  'a source address': sourceOf,
  'headers of a forwarded request': text =>
    clientFields(['Connection', text, 'Accept', text, 'Content-Type', text], PASSING.withBody),
  'headers of a forwarded answer': text =>
    responseHeaders({ connection: text, 'content-type': text, 'set-cookie': text }),
  'a request target': text => targetMistake(`/${text}`),
  'an audit query': text => parseAuditQuery({ subject: text, from: text, after: text, action: text }),
  'a text of the audit trail': text => cleanText(text, 100_000),
  'an OAuth form': text => parseOAuthForm(Buffer.from(text)),
  'Basic client authentication': text => presentedBy(`Basic ${Buffer.from(text).toString('base64')}`),
  'an Authorization header at the token endpoint': presentedBy,
  'an Accept header': text => asksForSignedResponse(`application/token-introspection+jwt;x="${text}, ${text}`),
  'a redirect URI': isRedirectUri,
  'an answer of a token endpoint': text =>
    parseTokenSet(`{"access_token":${JSON.stringify(text)},"scope":${JSON.stringify(text)}}`, {})
}

for (const [name, read] of Object.entries(FUNCTIONS)) {
  t.test(`${name} is read in time that grows with its length`, async t => {
    for (const [shape, make] of Object.entries(SHAPES)) {
      const growth = await growthOf(read, make)
      if (growth > MOST) t.fail(`${shape}: ${growth} times as long`)
    }
    t.pass('every shape')
  })
}

t.test('requests to the authorization server take time that grows with their length', async t => {
  const { app } = await startServer(t)
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const requests: Readonly<Record<string, ReadText>> = {
    'form of the token endpoint': text =>
      app.inject({ method: 'POST', url: '/oauth2/token', headers: form, payload: text }),
    'client assertion': text =>
      app.inject({
        method: 'POST',
        url: '/oauth2/token',
        headers: form,
        payload: `grant_type=client_credentials&client_assertion_type=x&client_assertion=${encodeURIComponent(asHeader(text))}`
      }),
    'headers of the token endpoint': text =>
      app.inject({
        method: 'POST',
        url: '/oauth2/token',
        headers: { ...form, authorization: asHeader(text), dpop: asHeader(text), accept: asHeader(text) },
        payload: 'grant_type=password'
      }),
    'query of the authorization endpoint': text =>
      app.inject(
        `/oauth2/authorize?client_id=web-app&redirect_uri=${encodeURIComponent(asHeader(text))}&scope=${encodeURIComponent(asHeader(text))}`
      ),
    'raw query': text => app.inject(`/oauth2/authorize?${encodeURI(asHeader(text))}`),
    'hint at the end of a session': text =>
      app.inject(`/oauth2/end-session?id_token_hint=${encodeURIComponent(asHeader(text))}`),
    'headers of a protected route': text =>
      app.inject({
        url: '/oauth2/userinfo',
        headers: { authorization: `Bearer ${asHeader(text)}`, cookie: asHeader(text), 'x-request-id': asHeader(text) }
      })
  }
  await refuseGrowth(t, requests)
})

t.test('requests to the gateway take time that grows with their length', async t => {
  const { app } = await startEdge(t, { settings: { trustedProxies: ['127.0.0.1'] } })
  const requests: Readonly<Record<string, ReadText>> = {
    path: text => app.inject(`/${encodeURI(asHeader(text))}`),
    query: text => app.inject(`/orders?${encodeURI(asHeader(text))}`),
    'Bearer token': text => app.inject({ url: '/orders', headers: { authorization: `Bearer ${asHeader(text)}` } }),
    'Basic credentials': text =>
      app.inject({ url: '/orders', headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` } }),
    cookies: text => app.inject({ url: '/orders', headers: { cookie: asHeader(text) } }),
    'forwarding headers': text =>
      app.inject({
        url: '/orders',
        headers: { 'x-forwarded-for': asHeader(text), 'x-forwarded-host': asHeader(text), traceparent: asHeader(text) }
      }),
    'login as JSON': text =>
      app.inject({ method: 'POST', url: '/login', headers: { 'content-type': 'application/json' }, payload: text }),
    'login as a form': text =>
      app.inject({
        method: 'POST',
        url: '/login',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: text
      })
  }
  await refuseGrowth(t, requests)
})

async function refuseGrowth(t: import('tap').Test, requests: Readonly<Record<string, ReadText>>): Promise<void> {
  for (const [name, send] of Object.entries(requests)) {
    for (const [shape, make] of Object.entries(SHAPES)) {
      const growth = await growthOf(send, make, 2)
      if (growth > MOST) t.fail(`${name}, ${shape}: ${growth} times as long`)
    }
    t.pass(name)
  }
}

t.test('a request is logged in time that grows with its length', async t => {
  const app = Fastify({ logger: { ...loggerOptions({ name: 'test', level: 'info' }), stream: { write: () => {} } } })
  t.after(() => app.close())
  await refuseGrowth(t, { URL: text => app.inject(`/?${text}`) })
})

t.test('what costs the square of the length is found', async t => {
  const quadratic: ReadText = text => {
    let sum = 0
    for (let from = 0; from < text.length; from++) {
      for (let at = from; at < text.length; at++) sum += text.charCodeAt(at)
    }
    return sum
  }
  t.ok((await growthOf(quadratic, length => 'a'.repeat(length))) > MOST)
})
