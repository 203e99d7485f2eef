import { explainToken, runTokenCommand, type TokenExplanation } from '@sallyport/authentication'
import { createIssuer, frozenClock, type TestIssuer } from '@sallyport/testing'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { clock, fixedKeys, goodClaims, issuerKey, signToken } from '../../support/issuer.ts'

const audience = 'orders'

interface Called {
  readonly code: number
  readonly out: string
  readonly error: string
}

async function call(
  input: string,
  args: readonly string[],
  issuer?: TestIssuer,
  environment: Record<string, string> = {},
  time = Date.now
): Promise<Called> {
  let out = ''
  let error = ''
  const code = await runTokenCommand({
    args,
    environment,
    call: 'sallyport-token',
    input: Readable.from([input]),
    out: text => (out += text),
    error: text => (error += text),
    clock: time,
    ...(issuer === undefined ? {} : { dispatcher: issuer.dispatcher })
  })
  return { code, out, error }
}

const outcomes = ({ checks }: TokenExplanation) =>
  Object.fromEntries(checks.map(({ check, outcome }) => [check, outcome]))
const read = ({ out }: Called) => JSON.parse(out) as TokenExplanation

/** No part of a token is in a text, nor is the whole. */
function isNowhere(t: Test, token: string, { out, error }: Called) {
  for (const part of [token, ...token.split('.')]) t.notOk(`${out}${error}`.includes(part), 'the token is not printed')
}

t.test('a good token passes every check, found by issuer and audience alone', async t => {
  const issuer = createIssuer({ audience })
  const token = issuer.token()
  const args = ['explain', '--issuer', issuer.issuer, '--audience', audience]
  const answer = await call(`${token}\n`, [...args, '--json'], issuer)
  t.equal(answer.code, 0)
  t.equal(read(answer).outcome, 'accepted')
  t.same([...new Set(Object.values(outcomes(read(answer))))], ['pass'])
  isNowhere(t, token, answer)
  const text = await call(`Bearer ${token}`, args, issuer)
  t.match(text.out, /^audience +pass +aud "orders", client_id "test-client"$/m)
  t.match(text.out, /\naccepted\n$/)
  isNowhere(t, token, text)
})

t.test('the first check that refuses says why, and those behind it were not reached', async t => {
  const issuer = createIssuer({ audience })
  const other = createIssuer({ audience, issuer: issuer.issuer })
  const forged = issuer.token().replace(/[^.]+$/, other.token().split('.')[2] ?? '')
  const revoked = issuer.token()
  issuer.revoke(revoked)
  const cases: readonly [string, string, string][] = [
    ['x'.repeat(8193), 'size', 'token-too-large'],
    ['not-a-token', 'form', 'token-malformed'],
    [issuer.token({}, { typ: 'JWT' }), 'type', 'token-type-mismatch'],
    [issuer.token({}, { alg: 'none' }), 'algorithm', 'algorithm-not-allowed'],
    [issuer.token({}, { crit: ['x'] }), 'extensions', 'critical-header-unknown'],
    [other.token(), 'key', 'key-unknown'],
    [issuer.token({}, { alg: 'RS256' }), 'key-algorithm', 'key-algorithm-mismatch'],
    [forged, 'signature', 'signature-invalid'],
    [issuer.token({ iss: `${issuer.issuer}/` }), 'issuer', 'issuer-mismatch'],
    [issuer.token({ aud: 'payments' }), 'audience', 'audience-mismatch'],
    [issuer.token({ exp: 1 }), 'times', 'token-expired'],
    [issuer.token({ sub: undefined }), 'claims', 'claim-missing'],
    [revoked, 'status', 'token-revoked']
  ]
  for (const [token, check, reason] of cases) {
    const args = ['explain', '--issuer', issuer.issuer, '--audience', audience, '--json']
    const answer = await call(token, args, issuer)
    t.equal(answer.code, 1, check)
    const { checks, outcome } = read(answer)
    t.equal(outcome, 'refused', check)
    const at = checks.findIndex(each => each.check === check)
    t.match(checks[at], { outcome: 'fail', reason })
    t.ok(
      checks.slice(0, at).every(each => each.outcome === 'pass'),
      `${check}: all before it pass`
    )
    t.ok(
      checks.slice(at + 1).every(each => each.outcome === 'not-reached'),
      `${check}: none after it was reached`
    )
    isNowhere(t, token, answer)
  }
})

t.test('several issuers, another profile, keys elsewhere and settings of the environment', async t => {
  const time = frozenClock()
  const issuer = createIssuer({ audience, clock: time })
  const environment = { SALLYPORT_ISSUER: issuer.issuer, SALLYPORT_AUDIENCE: audience }
  t.equal((await call(issuer.token(), ['explain'], issuer, environment, time)).code, 0)
  const keycloak = issuer.token({ typ: 'Bearer', azp: 'web' }, { typ: 'JWT' })
  t.equal((await call(keycloak, ['explain', '--profile', 'keycloak'], issuer, environment, time)).code, 0)
  const more = [
    '--jwks-uri',
    issuer.jwksUri,
    '--algorithm',
    'ES256',
    '--algorithm',
    'RS256',
    '--tolerance-seconds',
    '0'
  ]
  t.equal((await call(issuer.token(), ['explain', ...more], issuer, environment, time)).code, 0)
  const two = ['explain', '--json', '--issuer', 'https://a.example', '--issuer', issuer.issuer]
  t.equal((await call(issuer.token(), two, issuer, environment, time)).code, 0)
  const third = read(await call(issuer.token({ iss: 'https://c.example' }), two, issuer, environment, time))
  t.match(
    third.checks.find(({ outcome }) => outcome === 'fail'),
    { check: 'issuer-known', reason: 'issuer-mismatch' }
  )
})

t.test('an issuer that is away is not a refusal, and a bound token needs its request', async t => {
  const issuer = createIssuer({ audience })
  const args = ['explain', '--json', '--issuer', issuer.issuer, '--audience', audience]
  const bound = await call(issuer.token({ cnf: { jkt: 'x' } }), args, issuer)
  t.equal(bound.code, 3)
  t.match(read(bound).checks.at(-1), { check: 'binding', outcome: 'cannot-tell', reason: /jkt: only a request/ })
  issuer.trouble = 503
  const away = await call(issuer.token(), args, issuer)
  t.equal(away.code, 3)
  t.match(
    read(away).checks.find(({ outcome }) => outcome === 'cannot-tell'),
    { check: 'key' }
  )
})

t.test('what a token says cannot drive the terminal', async t => {
  const key = issuerKey('ES256')
  const options = { issuer: 'https://a.example', audience, keys: fixedKeys(key) }
  const iss = `\u001b]0;owned\u0007${'x'.repeat(1000)}`
  const { checks } = await explainToken(signToken(key, goodClaims({ iss })), { issuers: [options], clock })
  const found = checks.find(({ check }) => check === 'issuer')?.found ?? ''
  t.match(found, /^[\x20-\x7e]+…$/)
  t.ok(found.length <= 201)
})

t.test('a wrong call is told apart from a refused token, and help is no failure', async t => {
  for (const [args, message] of [
    [['explain'], /missing: --issuer, --audience/],
    [['explain', '--issuer', 'https://a.example'], /missing: --audience/],
    [['verify'], /no command verify/],
    [['explain', '--token', 'secret'], /Unknown option/],
    [['explain', '--issuer', 'http://a.example', '--audience', 'a'], /issuers.0.issuer must be an https URL/],
    [['explain', '--issuer', 'https://a.example', '--audience', 'a', '--profile', 'x'], /--profile is one of/],
    [['explain', '--issuer', 'https://a.example', '--audience', 'a', '--ca', '/nowhere'], /ENOENT/]
  ] as const) {
    const answer = await call('some-token', args)
    t.equal(answer.code, 2, args.join(' '))
    t.match(answer.error, message)
  }
  t.match(await call('', ['explain', '--issuer', 'https://a.example', '--audience', 'a']), {
    code: 2,
    error: /no token on the input/
  })
  for (const args of [[], ['--help'], ['explain', '--help']]) t.match(await call('', args), { code: 0, out: /explain/ })
})
