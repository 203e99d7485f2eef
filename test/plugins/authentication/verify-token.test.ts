import t, { type Test } from 'tap'
import fc from 'fast-check'
import type { StatusReference } from '@sallyport/security-context'
import { createTokenVerifier, type TokenVerifierOptions } from '@sallyport/authentication'
import {
  AUDIENCE,
  clock,
  encode,
  fixedKeys,
  goodClaims,
  ISSUER,
  issuerKey,
  NOW,
  signBytes,
  signHmac,
  signToken,
  type IssuerKey
} from '../../support/issuer.ts'

const key = issuerKey('ES256')

function verifierWith(changes: Partial<TokenVerifierOptions> = {}, ...keys: IssuerKey[]) {
  return createTokenVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    keys: fixedKeys(...(keys.length === 0 ? [key] : keys)),
    clock,
    ...changes
  })
}

async function refuses(t: Test, token: string, reason: string, title = reason, verifier = verifierWith()) {
  await t.rejects(
    verifier.verify(token),
    { code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID', statusCode: 401, reason },
    title
  )
}

t.test('a good token gives its principal, frozen', async t => {
  const principal = await verifierWith().verify(
    signToken(key, goodClaims({ act: { sub: 'gateway', act: { sub: 'order-service' } } }))
  )
  t.match(principal, {
    issuer: ISSUER,
    subject: 'f3f0ab10-0000-4000-8000-000000000001',
    clientId: 'gateway',
    roles: ['CUSTOMER'],
    scopes: ['orders:read', 'orders:write'],
    audience: AUDIENCE,
    sessionId: 'session-1',
    tokenId: 'token-1',
    actor: { subject: 'gateway', actor: { subject: 'order-service', actor: null } },
    issuedAtSeconds: NOW - 10,
    expiresAtSeconds: NOW + 290
  })
  t.ok(
    Object.isFrozen(principal) &&
      Object.isFrozen(principal.claims) &&
      Object.isFrozen(principal.claims['roles']) &&
      Object.isFrozen(principal.roles)
  )
})

t.test('every asymmetric algorithm verifies its own tokens', async t => {
  for (const algorithm of ['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']) {
    const own = issuerKey(algorithm)
    const verifier = verifierWith({ algorithms: [algorithm] }, own)
    t.equal((await verifier.verify(signToken(own))).tokenId, 'token-1', algorithm)
    const [header, payload, signature = ''] = signToken(own).split('.')
    const bytes = Buffer.from(signature, 'base64url')
    bytes[bytes.length - 1]! ^= 1
    await refuses(
      t,
      `${header}.${payload}.${bytes.toString('base64url')}`,
      'signature-invalid',
      `${algorithm} with a bit changed`,
      verifier
    )
  }
})

t.test('V01: the algorithm comes from the allow-list, and no spelling of none is on it', async t => {
  for (const alg of [
    'none',
    'None',
    'NONE',
    'nOnE',
    'HS256',
    'es256',
    'ES256 ',
    '',
    'constructor',
    'ES384',
    undefined,
    null,
    7,
    ['ES256'],
    { toString: 'ES256' }
  ]) {
    await refuses(t, signToken(key, goodClaims(), { alg }), 'algorithm-not-allowed', `alg ${JSON.stringify(alg)}`)
  }
  await refuses(
    t,
    `${encode({ typ: 'at+jwt', alg: 'none', kid: key.keyId })}.${encode(goodClaims())}.`,
    'token-malformed',
    'no signature at all'
  )
  t.throws(() => verifierWith({ algorithms: ['none', 'HS256'] }), {
    code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID',
    message: /none, HS256/
  })
  t.throws(() => verifierWith({ algorithms: [] }), { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID' })
})

t.test('V02: a key verifies under its one algorithm only', async t => {
  const rsa = issuerKey('RS256')
  const asPss = signToken({ ...rsa, algorithm: 'PS256' })
  await refuses(t, asPss, 'key-algorithm-mismatch', 'PS256 with a key published for RS256', verifierWith({}, rsa))
  const confused = verifierWith({
    keys: { ...fixedKeys(), find: async () => ({ keyId: 'x', algorithm: 'PS256', key: key.publicKey }) }
  })
  await refuses(t, asPss, 'signature-invalid', 'an EC key handed over for PS256', confused)
})

t.test('V03: keys that a token brings along are not looked at', async t => {
  const attacker = issuerKey('ES256', 'attacker')
  for (const header of [
    { jwk: attacker.jwk },
    { jku: 'https://attacker.example/jwks' },
    { x5u: 'https://attacker.example/cert' },
    { x5c: ['MIIB'] }
  ]) {
    await refuses(
      t,
      signToken({ ...attacker, keyId: key.keyId }, goodClaims(), header),
      'signature-invalid',
      Object.keys(header)[0]
    )
    await refuses(
      t,
      signToken(attacker, goodClaims({ iss: 'https://attacker.example' }), header),
      'key-unknown',
      `${Object.keys(header)[0]} with an unknown key id`
    )
  }
})

t.test('V04: a key id is opaque: no path, no prototype, no other type', async t => {
  for (const kid of [
    '__proto__',
    'constructor',
    '../../etc/passwd',
    "' or 1=1 --",
    '',
    ' ',
    'x'.repeat(5000),
    7,
    null,
    undefined,
    ['key-ES256'],
    { a: 1 }
  ]) {
    await refuses(t, signToken(key, goodClaims(), { kid }), 'key-unknown', `kid ${JSON.stringify(kid)?.slice(0, 40)}`)
  }
})

t.test('V05: exp and iat are required numbers, nbf is honoured, the tolerance is at most 60 seconds', async t => {
  await refuses(t, signToken(key, goodClaims({ exp: undefined })), 'claim-missing', 'no exp')
  await refuses(t, signToken(key, goodClaims({ iat: undefined })), 'claim-missing', 'no iat')
  for (const name of ['exp', 'iat', 'nbf']) {
    for (const value of ['1800000290', null, true, [NOW], { a: 1 }, -1]) {
      await refuses(
        t,
        signToken(key, goodClaims({ [name]: value })),
        'claim-invalid',
        `${name} ${JSON.stringify(value)}`
      )
    }
  }
  const [header] = signToken(key).split('.')
  const infinite = `${header}.${encode(JSON.stringify(goodClaims()).replace(String(NOW + 290), '1e999'))}`
  await refuses(t, `${infinite}.${signBytes(key, infinite).toString('base64url')}`, 'claim-invalid', 'exp 1e999')
  const strict = verifierWith({ clockToleranceSeconds: 0 })
  await refuses(t, signToken(key, goodClaims({ exp: NOW })), 'token-expired', 'exp now', strict)
  t.ok(await strict.verify(signToken(key, goodClaims({ exp: NOW + 1 }))))
  await refuses(t, signToken(key, goodClaims({ nbf: NOW + 1 })), 'token-not-yet-valid', 'nbf ahead', strict)
  await refuses(t, signToken(key, goodClaims({ iat: NOW + 1 })), 'token-not-yet-valid', 'iat ahead', strict)
  await refuses(
    t,
    signToken(key, goodClaims({ iat: NOW + 1, nbf: NOW - 1 })),
    'token-not-yet-valid',
    'iat ahead, nbf passed',
    strict
  )
  const tolerant = verifierWith({ clockToleranceSeconds: 60 })
  t.ok(await tolerant.verify(signToken(key, goodClaims({ exp: NOW - 59, nbf: NOW + 59 }))))
  await refuses(t, signToken(key, goodClaims({ exp: NOW - 60 })), 'token-expired', 'exp 60 seconds ago', tolerant)
  for (const clockToleranceSeconds of [61, -1, NaN]) {
    t.throws(() => verifierWith({ clockToleranceSeconds }), { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID' })
  }
})

t.test('V06: the issuer is compared as an exact string', async t => {
  for (const iss of [
    `${ISSUER}/`,
    ISSUER.toUpperCase(),
    `${ISSUER} `,
    [ISSUER],
    { a: ISSUER },
    null,
    undefined,
    '',
    'https://issuer.example.evil'
  ]) {
    await refuses(t, signToken(key, goodClaims({ iss })), 'issuer-mismatch', JSON.stringify(iss))
  }
})

t.test('V07: the audience contains exactly this service', async t => {
  t.ok(await verifierWith().verify(signToken(key, goodClaims({ aud: ['other', AUDIENCE] }))))
  for (const aud of [
    'order-service2',
    'ORDER-SERVICE',
    'order',
    '',
    undefined,
    null,
    [],
    ['other'],
    [AUDIENCE, 7],
    [[AUDIENCE]],
    { 0: AUDIENCE }
  ]) {
    await refuses(t, signToken(key, goodClaims({ aud })), 'audience-mismatch', JSON.stringify(aud))
  }
})

t.test('V08: only access tokens by typ; other kinds of JWT of the same issuer are refused', async t => {
  for (const typ of ['application/at+jwt', 'AT+JWT', 'Application/AT+jwt']) {
    t.ok(await verifierWith().verify(signToken(key, goodClaims(), { typ })), typ)
  }
  for (const typ of [
    'JWT',
    'logout+jwt',
    'statuslist+jwt',
    'token-introspection+jwt',
    'dpop+jwt',
    'at+jwt ',
    'text/at+jwt',
    undefined,
    null,
    ['at+jwt'],
    ''
  ]) {
    await refuses(t, signToken(key, goodClaims(), { typ }), 'token-type-mismatch', JSON.stringify(typ))
  }
})

t.test('V09: sub, client_id and jti are required strings that a log and a database can take', async t => {
  for (const name of ['sub', 'client_id', 'jti']) {
    await refuses(t, signToken(key, goodClaims({ [name]: undefined })), 'claim-missing', `no ${name}`)
    for (const value of [7, null, {}, ['a'], '', 'a\u0000b', 'a\r\nb', '\ud800', 'x'.repeat(513)]) {
      await refuses(
        t,
        signToken(key, goodClaims({ [name]: value })),
        'claim-invalid',
        `${name} ${JSON.stringify(value).slice(0, 20)}`
      )
    }
  }
})

t.test('V10: crit and b64 are refused', async t => {
  for (const header of [
    { crit: ['exp'], exp: 1 },
    { crit: [] },
    { crit: null },
    { b64: false, crit: ['b64'] },
    { b64: false }
  ]) {
    await refuses(t, signToken(key, goodClaims(), header), 'critical-header-unknown', JSON.stringify(header))
  }
})

t.test('V11: exactly three parts, each canonical base64url', async t => {
  const token = signToken(key)
  const [header = '', payload = '', signature = ''] = token.split('.')
  const lastBits = signature.slice(0, -1) + String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1)
  for (const changed of [
    '',
    '.',
    '..',
    '...',
    header,
    `${header}.${payload}`,
    `${token}.`,
    `.${token}`,
    `${token}.${signature}`,
    `${token}=`,
    `${token}==`,
    ` ${token}`,
    `${token} `,
    `${token}\n`,
    `${header}=.${payload}.${signature}`,
    `${header}..${signature}`,
    `${header}.${payload}.${lastBits}`,
    `${header}.${payload}.${signature.slice(0, 20)} ${signature.slice(20)}`,
    token.replaceAll('.', '\u3002')
  ]) {
    await refuses(t, changed, 'token-malformed', JSON.stringify(changed.slice(-60)))
  }
  const standard = issuerKey('RS256')
  let spelled = ''
  for (let n = 0; !/[-_]/.test(spelled); n++) {
    spelled = signToken(standard, goodClaims({ jti: `token-${n}` })).split('.')[2]!
  }
  const plain = Buffer.from(spelled, 'base64url').toString('base64').replaceAll('=', '')
  await refuses(t, `${header}.${payload}.${plain}`, 'token-malformed', 'the alphabet of plain base64')
})

t.test('V12: every bit of the signature counts, and its length', async t => {
  const token = signToken(key)
  const [header, payload, signature = ''] = token.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const refusesBytes = async (changed: Buffer, title: string) =>
    await refuses(t, `${header}.${payload}.${changed.toString('base64url')}`, 'signature-invalid', title)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    await refusesBytes(changed, `bit ${bit}`)
  }
  const half = bytes.length / 2
  for (const [title, changed] of Object.entries({
    truncated: bytes.subarray(0, -1),
    extended: Buffer.concat([bytes, Buffer.from([0])]),
    'extended in front': Buffer.concat([Buffer.from([0]), bytes]),
    'r is zero': Buffer.concat([Buffer.alloc(half), bytes.subarray(half)]),
    's is zero': Buffer.concat([bytes.subarray(0, half), Buffer.alloc(half)]),
    'one byte': Buffer.from([1])
  })) {
    await refusesBytes(changed, title)
  }
})

t.test('V12: the shape of a signature is checked whatever checks the signature', async t => {
  const trusting = verifierWith({ checkSignature: () => true })
  const [header, payload, signature = ''] = signToken(key).split('.')
  const half = 32
  const bytes = Buffer.from(signature, 'base64url')
  t.ok(await trusting.verify(`${header}.${payload}.${signature}`))
  for (const changed of [
    bytes.subarray(1),
    Buffer.concat([bytes, bytes]),
    Buffer.alloc(64),
    Buffer.concat([bytes.subarray(0, half), Buffer.alloc(half)]),
    Buffer.concat([Buffer.alloc(half), bytes.subarray(half)])
  ]) {
    await refuses(
      t,
      `${header}.${payload}.${changed.toString('base64url')}`,
      'signature-invalid',
      changed.toString('hex').slice(0, 20),
      trusting
    )
  }
  const rsa = issuerKey('RS256')
  const short = `${signToken(rsa).split('.').slice(0, 2).join('.')}.AAAA`
  await refuses(t, short, 'signature-invalid', 'RSA', verifierWith({ checkSignature: () => true }, rsa))
  const mislabelled = {
    ...fixedKeys(),
    find: async () => ({ keyId: key.keyId, algorithm: 'ES256', key: issuerKey('EdDSA').publicKey })
  }
  await refuses(
    t,
    signToken(key),
    'signature-invalid',
    'a key of another type under this algorithm',
    verifierWith({ checkSignature: () => true, keys: mislabelled })
  )
})

t.test('V13: the payload is one JSON object in UTF-8 without a name twice', async t => {
  const signed = (payload: string | Buffer) => {
    const input = `${signToken(key).split('.')[0]}.${Buffer.from(payload).toString('base64url')}`
    return `${input}.${signBytes(key, input).toString('base64url')}`
  }
  const good = JSON.stringify(goodClaims())
  t.ok(await verifierWith().verify(signed(good)))
  t.ok(
    await verifierWith().verify(signed(good.replace('{', '{"a": {"x":1}, "b": [{"x":"\\"x\\":"},{"x":1}], "x":{}, '))),
    'the same name in different objects is fine'
  )
  for (const payload of [
    '[]',
    '"a"',
    'null',
    '7',
    '',
    '{',
    `${good}x`,
    `[${good}]`,
    `\ufeff${good}`,
    Buffer.from([0x7b, 0xff, 0x7d]),
    Buffer.from(good.replace('CUSTOMER', '\u00ff'), 'latin1'),
    good.replace('{', '{"aud":"other",'),
    good.replace('{', '{"\\u0061ud":"other",'),
    good.replace('{', '{"aud" \n: "other",'),
    good.replace('{', '{"act":{"sub":"a","sub":"b"},'),
    good.replace('{', `{"deep":${'['.repeat(40)}${']'.repeat(40)},`)
  ]) {
    await refuses(t, signed(payload), 'token-malformed', payload.toString().slice(0, 50))
  }
  const input = `${encode(`{"typ":"at+jwt","alg":"none","alg":"ES256","kid":"${key.keyId}"}`)}.${encode(good)}`
  await refuses(
    t,
    `${input}.${signBytes(key, input).toString('base64url')}`,
    'token-malformed',
    'a name twice in the header'
  )
})

t.test('V14: the cache gives a token its own claims only, and ends with expiry, key and revocation', async t => {
  let nowMs = NOW * 1000
  let checks = 0
  let revoked = false
  const keys = fixedKeys(key)
  const status = {
    follow: async () => {},
    check: (_: StatusReference) => (revoked ? ('revoked' as const) : ('valid' as const)),
    ageMs: () => 0,
    close: async () => {}
  }
  const { checkWithNodeCrypto } = await import('../../../plugins/authentication/src/tokens/check-signature.ts')
  const verifier = verifierWith({
    keys,
    status,
    clock: () => nowMs,
    clockToleranceSeconds: 0,
    checkSignature: input => {
      checks++
      return checkWithNodeCrypto(input)
    }
  })
  const withStatus = (jti: string) =>
    signToken(key, goodClaims({ jti, status: { status_list: { idx: 3, uri: 'https://issuer.example/lists/1' } } }))
  const [one, two] = [withStatus('one'), withStatus('two')]
  t.equal((await verifier.verify(one)).tokenId, 'one')
  t.equal((await verifier.verify(two)).tokenId, 'two')
  t.equal((await verifier.verify(one)).tokenId, 'one')
  t.equal(checks, 2, 'a token is checked once')
  t.equal(await verifier.verify(one), await verifier.verify(one), 'and gives the same principal')

  revoked = true
  await refuses(t, one, 'token-revoked', 'revoked', verifier)
  revoked = false
  t.ok(await verifier.verify(one))
  keys.published.clear()
  await refuses(t, one, 'key-unknown', 'V20: its key is no longer published', verifier)
  keys.published.set(key.keyId, key.verification)
  t.ok(await verifier.verify(one))
  nowMs = (NOW + 290) * 1000
  await refuses(t, one, 'token-expired', 'expired', verifier)
})

t.test('V16: a token over 8 KiB is refused before anything in it is looked at', async t => {
  const keys = fixedKeys(key)
  await refuses(
    t,
    signToken(key, goodClaims({ filler: 'x'.repeat(8000) })),
    'token-too-large',
    'too large',
    verifierWith({ keys })
  )
  t.equal(keys.lookups, 0)
  t.ok(await verifierWith().verify(signToken(key, goodClaims({ filler: 'x'.repeat(4000) }))))
})

t.test('V21: a token bound to a key is refused while nobody proves the possession', async t => {
  for (const cnf of [{ 'x5t#S256': 'abc' }, { jkt: 'abc' }, {}, null]) {
    await refuses(t, signToken(key, goodClaims({ cnf })), 'confirmation-unproven', JSON.stringify(cnf))
  }
})

t.test('Z04: scope is one string; nothing else grants anything', async t => {
  for (const scope of [['orders:read'], 7, {}, null]) {
    await refuses(t, signToken(key, goodClaims({ scope })), 'claim-invalid', JSON.stringify(scope))
  }
  t.same((await verifierWith().verify(signToken(key, goodClaims({ scope: 'orders:read  a,b Orders:Read' })))).scopes, [
    'orders:read',
    'a,b',
    'Orders:Read'
  ])
  t.same(
    (await verifierWith().verify(signToken(key, goodClaims({ scope: undefined, roles: undefined, sid: undefined }))))
      .scopes,
    []
  )
  for (const roles of ['ADMIN', [7], {}, null]) {
    await refuses(t, signToken(key, goodClaims({ roles })), 'claim-invalid', `roles ${JSON.stringify(roles)}`)
  }
})

t.test('the act chain is bounded and well-formed', async t => {
  const chain = (links: number): object | undefined =>
    links === 0 ? undefined : { sub: `service-${links}`, act: chain(links - 1) }
  t.ok(await verifierWith().verify(signToken(key, goodClaims({ act: chain(8) }))))
  for (const act of [chain(9), 'gateway', [], null, { sub: 7 }, { sub: 'a', act: 'b' }]) {
    await refuses(t, signToken(key, goodClaims({ act })), 'claim-invalid', JSON.stringify(act)?.slice(0, 40))
  }
  await refuses(t, signToken(key, goodClaims({ act: {} })), 'claim-missing', 'no sub')
})

t.test('a status reference is checked where a status source is given, and must be well-formed everywhere', async t => {
  const status = (answer: 'valid' | 'revoked' | 'unavailable') => ({
    follow: async () => {},
    check: () => answer,
    ageMs: () => 0,
    close: async () => {}
  })
  const token = signToken(
    key,
    goodClaims({ status: { status_list: { idx: 0, uri: 'https://issuer.example/lists/1' } } })
  )
  t.ok(await verifierWith().verify(token), 'without a source the reference is ignored')
  t.ok(await verifierWith({ status: status('valid') }).verify(token))
  await refuses(t, token, 'token-revoked', 'revoked', verifierWith({ status: status('revoked') }))
  await t.rejects(verifierWith({ status: status('unavailable') }).verify(token), {
    code: 'SALLYPORT_AUTHENTICATION_STATUS_UNAVAILABLE',
    statusCode: 503,
    headers: { 'retry-after': '5' }
  })
  const open = verifierWith({ status: status('unavailable'), statusUnavailable: 'accept-unchecked' })
  t.ok(await open.verify(token))
  t.ok(await open.verify(token), 'the second time from the cache')
  for (const wrong of [
    'x',
    null,
    {},
    { status_list: {} },
    { status_list: { idx: -1, uri: 'a' } },
    { status_list: { idx: 1.5, uri: 'a' } },
    { status_list: { idx: '1', uri: 'a' } },
    { status_list: { idx: 1 } }
  ]) {
    await refuses(t, signToken(key, goodClaims({ status: wrong })), 'claim-invalid', JSON.stringify(wrong))
  }
})

t.test('a key source that cannot answer is an outage, not a refusal', async t => {
  const { errors } = await import('@sallyport/authentication')
  const keys = {
    ...fixedKeys(),
    find: async () => {
      throw new errors.KeysUnavailableError()
    }
  }
  await t.rejects(verifierWith({ keys }).verify(signToken(key)), {
    code: 'SALLYPORT_AUTHENTICATION_KEYS_UNAVAILABLE',
    statusCode: 503
  })
})

t.test('all mistakes in the options are named at once', async t => {
  t.throws(
    () =>
      createTokenVerifier({
        issuer: 'http://issuer.example',
        audience: '',
        keys: fixedKeys(),
        clockToleranceSeconds: 100,
        algorithms: ['HS256'],
        profile: { typ: [] }
      }),
    {
      code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID',
      message: /issuer.*audience.*clockToleranceSeconds.*HS256.*profile/
    }
  )
})

t.test('no change of a token and no made-up token is accepted, and every refusal is a 401', async t => {
  const verifier = verifierWith()
  const token = signToken(key)
  const is401 = async (changed: string): Promise<boolean> =>
    await verifier.verify(changed).then(
      () => false,
      (error: { statusCode?: number }) => error.statusCode === 401
    )
  await fc.assert(
    fc.asyncProperty(
      fc.nat(token.length - 1),
      fc.string({ maxLength: 3 }),
      fc.nat(3),
      async (at, inserted, removed) => {
        const changed = token.slice(0, at) + inserted + token.slice(at + removed)
        return changed === token || (await is401(changed))
      }
    ),
    { numRuns: 500 }
  )
  await fc.assert(
    fc.asyncProperty(fc.json(), fc.json(), async (header, payload) => {
      const input = `${encode(header)}.${encode(payload)}`
      return await is401(`${input}.${signBytes(key, input).toString('base64url')}`)
    }),
    { numRuns: 300 }
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(
        ...Object.keys(goodClaims()).filter(name => name !== 'sid' && name !== 'scope' && name !== 'roles')
      ),
      fc.jsonValue(),
      async (name, value) => {
        const replaced = goodClaims({ [name]: value })
        try {
          const principal = await verifier.verify(signToken(key, replaced))
          return (
            typeof principal.subject === 'string' &&
            principal.issuer === ISSUER &&
            (principal.expiresAtSeconds ?? 0) > NOW - 5
          )
        } catch (error) {
          return (error as { statusCode?: number }).statusCode === 401
        }
      }
    ),
    { numRuns: 300 }
  )
  await refuses(t, signHmac('secret', goodClaims(), { kid: key.keyId }), 'algorithm-not-allowed')
})
