import { createPeerAgent, publicAuthorities } from '@sallyport/secure-transport'
import type { Agent } from 'undici'
import type { ProcessContext } from './process-context.ts'

/**
 * Carries requests to issuers beside that of the deployment: they may be anywhere, so it trusts public authorities as
 * well as the own ones, and shows nobody a certificate.
 */
export function openIssuerAgent({
  tls,
  peerAddresses: addresses,
  closeLater
}: Pick<ProcessContext, 'tls' | 'peerAddresses' | 'closeLater'>): Agent {
  const ca = tls === null ? publicAuthorities() : `${publicAuthorities()}\n${tls.ca}`
  const agent = createPeerAgent({ ca, addresses })
  closeLater(() => agent.close())
  return agent
}
