/**
 * Asks an issuer where its keys are.
 * @throws {Error} when the issuer cannot be reached, or says that it is another one
 * @see OpenID Connect Discovery 1.0 §4
 */
export async function findKeys(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(5000) })
  const metadata: unknown = await response.json()
  if (typeof metadata !== 'object' || metadata === null || !('issuer' in metadata) || !('jwks_uri' in metadata)) {
    throw new Error(`${url} names no issuer and jwks_uri`)
  }
  if (metadata.issuer !== issuer || typeof metadata.jwks_uri !== 'string') {
    throw new Error(`${url} is the document of another issuer`)
  }
  return metadata.jwks_uri
}
