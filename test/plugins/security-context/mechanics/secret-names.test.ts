import t from 'tap'
import { isSecretField, isSecretName, isSecretParameter } from '@sallyport/security-context/mechanics'

for (const name of [
  'Authorization',
  'proxy-authorization',
  'set-cookie',
  'X-API-Key',
  'api_key',
  'password',
  'passwd',
  'newPassword',
  'pass_phrase',
  'SALLYPORT_PASSWORD_PEPPERS',
  'clientSecret',
  'client_secret',
  'id_token_hint',
  'accessToken',
  'tokenId',
  'credentials',
  'code',
  'code_verifier',
  'client_assertion',
  'SALLYPORT_SEALING_KEYS',
  'auditNameKey',
  'auditSpillKeys',
  'SALLYPORT_AUDIT_CHECKPOINT_KEYS',
  'auditAnchorToken',
  'privateKeyPem',
  'DATABASE_URL',
  `x${'y'.repeat(256)}`
]) {
  t.test(`${name.slice(0, 40)} is the name of a secret`, t => {
    t.ok(isSecretName(name))
    t.end()
  })
}

t.test('names that operators read are none', t => {
  for (const name of [
    'username',
    'status',
    'reason',
    'route',
    'keyId',
    'sub',
    'tokenIdHash',
    'token_id_hash',
    'tokenType',
    ''
  ]) {
    t.notOk(isSecretName(name), name)
  }
  t.end()
})

t.test('a field named code is a secret unless its value is that of an error', t => {
  for (const value of ['ECONNREFUSED', 'SALLYPORT_TOKEN_REJECTED', '40001', 404, null, true]) {
    t.notOk(isSecretField('code', value), String(value))
  }
  for (const value of ['k7Gx0authorizationcode', '123456', '', { nested: 'k7Gx' }, ['k7Gx']]) {
    t.ok(isSecretField('Code', value), JSON.stringify(value))
  }
  t.ok(isSecretField('password', 'ECONNREFUSED'), 'no other field')
  t.end()
})

t.test('a number of tokens is no secret, tokens and other numbers are', t => {
  t.notOk(isSecretField('tokens', 3))
  t.ok(isSecretField('tokens', ['3']))
  t.ok(isSecretField('passcode', 1234))
  t.end()
})

t.test('a parameter is a secret by any part of its name, and by an encoding that could hide one', t => {
  for (const name of ['code', 'user[password]', 'access%5Ftoken', 'a%2563ode', '%zz']) {
    t.ok(isSecretParameter(name), name)
  }
  for (const name of ['page', 'order[status]', 'na%6De']) t.notOk(isSecretParameter(name), name)
  t.end()
})
