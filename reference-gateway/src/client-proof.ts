import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { ClientSigningKey, TokenClientOptions } from '@sallyport/token-exchange'
import type { GatewaySettings } from './settings.ts'

/** What the gateway proves itself with as a client: its key, or else its secret of the moment. */
export function clientProof(
  { clientKey, clientKeyId }: Pick<GatewaySettings, 'clientKey' | 'clientKeyId'>,
  currentSecret: () => string
): Pick<TokenClientOptions, 'clientKey' | 'clientSecret'> {
  return clientKey === undefined ? { clientSecret: currentSecret } : { clientKey: signingKeyOf(clientKey, clientKeyId) }
}

/** How often the gateway refreshes at most. */
export function refreshPaceOf({
  refreshesPerSecond: perSecond
}: Pick<GatewaySettings, 'refreshesPerSecond'>): Pick<TokenClientOptions, 'refreshPace'> {
  return perSecond === undefined ? {} : { refreshPace: { perSecond } }
}

function signingKeyOf(pem: string, keyId: string | undefined): ClientSigningKey {
  const privateKey = createPrivateKey(pem)
  return { privateKey, keyId: keyId ?? keyThumbprint(privateKey), algorithm: algorithmOf(privateKey) }
}

function algorithmOf({ asymmetricKeyType }: KeyObject): ClientSigningKey['algorithm'] {
  if (asymmetricKeyType === 'ed25519') return 'EdDSA'
  return asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256'
}

/** @see RFC 7638 §3: the required members in lexicographic order */
function keyThumbprint(privateKey: KeyObject): string {
  const { crv, e, kty, n, x, y } = createPublicKey(privateKey).export({ format: 'jwk' })
  return createHash('sha256').update(JSON.stringify({ crv, e, kty, n, x, y })).digest('base64url')
}
