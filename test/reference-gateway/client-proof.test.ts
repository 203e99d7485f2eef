// What the settings say of the gateway as a client.
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createTokenClient } from '@sallyport/token-exchange'
import { calculateJwkThumbprint } from 'jose'
import t from 'tap'
import { clientProof, refreshPaceOf } from '../../reference-gateway/src/client-proof.ts'
import { settingsMistakes } from '../../reference-gateway/src/settings.ts'
import { SETTINGS } from '../support/edge.ts'

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const KEYS = {
  ES256: EC,
  EdDSA: generateKeyPairSync('ed25519').privateKey,
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
}
const { clientSecret: _secret, ...WITHOUT_SECRET } = SETTINGS
const UNFIT = /^clientKey: neither a P-256, an Ed25519 nor an RSA key$/
const METADATA = {
  issuer: 'https://issuer.example',
  tokenEndpoint: 'https://issuer.example/token',
  jwksUri: null,
  revocationEndpoint: null,
  introspectionEndpoint: null,
  authorizationEndpoint: null,
  mtlsEndpointAliases: {}
}

t.test(
  'a key of the settings signs as its kind does, and is called by its thumbprint unless it has a name',
  async t => {
    for (const [algorithm, key] of Object.entries(KEYS)) {
      const { clientKey } = clientProof({ clientKey: pem(key) }, () => 'unused')
      t.equal(clientKey?.algorithm, algorithm)
      t.equal(clientKey?.keyId, await calculateJwkThumbprint(createPublicKey(key).export({ format: 'jwk' })))
      t.equal(clientProof({ clientKey: pem(key), clientKeyId: 'own' }, () => 'unused').clientKey?.keyId, 'own')
      t.doesNotThrow(() =>
        createTokenClient({
          metadata: METADATA,
          clientId: 'gateway',
          ...clientProof({ clientKey: pem(key) }, () => '')
        })
      )
      t.same(settingsMistakes({ ...WITHOUT_SECRET, clientKey: pem(key) }), [], `${algorithm} boots`)
    }
  }
)

t.test('without a key the secret of the moment is the proof', async t => {
  let secret = 'first'
  const { clientSecret } = clientProof({}, () => secret)
  secret = 'second'
  t.equal(typeof clientSecret === 'function' ? clientSecret() : null, 'second')
})

t.test('keys that do not fit are refused at boot, without their text', async t => {
  const wrong: readonly (readonly [settings: object, message: RegExp])[] = [
    [{ clientKey: pem(EC), clientSecret: SETTINGS.clientSecret }, /^clientKey: not beside clientSecret$/],
    [{ clientKey: '-----BEGIN PRIVATE KEY-----planted' }, /^clientKey: not a private key in PEM$/],
    [{ clientKey: pem(generateKeyPairSync('x25519').privateKey) }, UNFIT],
    [{ clientKey: pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey) }, UNFIT],
    [{ clientKeyId: 'own', clientSecret: SETTINGS.clientSecret }, /^clientKeyId: there is no clientKey$/]
  ]
  for (const [settings, message] of wrong) {
    const mistakes = settingsMistakes({ ...WITHOUT_SECRET, ...settings }).join('; ')
    t.match(mistakes, message)
    t.notMatch(mistakes, /planted/)
  }
})

t.test('refreshes are bounded as the settings say, and by nothing without them', async t => {
  t.same(refreshPaceOf({ refreshesPerSecond: 50 }), { refreshPace: { perSecond: 50 } })
  t.same(refreshPaceOf({}), {})
})
