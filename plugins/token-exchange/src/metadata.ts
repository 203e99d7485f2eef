import {
  defined,
  issuerMistake,
  isWithoutMetadata,
  MAX_METADATA_BYTES,
  metadataLocations,
  readBody,
  readServerMetadata,
  type AuthorizationServerMetadata
} from '@sallyport/security-context/mechanics'
import { request } from 'undici'
import { InvalidMetadataError, TokenUnavailableError } from './errors.ts'
import { readDiscoveryOptions, type DiscoveryOptions } from './options.ts'

/**
 * Fetches the metadata of an authorization server: the RFC 8414 document, and where that does not exist the OpenID
 * Connect one. The document must name the same issuer, and its endpoints must be on the issuer's origin unless it came
 * over TLS: a document of somebody else could send our secrets elsewhere.
 * @throws `SALLYPORT_TOKEN_OPTIONS_INVALID`; `SALLYPORT_TOKEN_METADATA_INVALID` listing all mistakes;
 * `SALLYPORT_TOKEN_UNAVAILABLE` when there is no answer
 * @see RFC 8414 §3, §3.3
 */
export async function discoverMetadata(given: DiscoveryOptions): Promise<AuthorizationServerMetadata> {
  const options = readDiscoveryOptions(given)
  const { issuer } = options
  const mistake = issuerMistake(issuer)
  if (mistake !== null) throw new InvalidMetadataError(`issuer ${issuer} ${mistake}`)
  for (const location of metadataLocations(issuer)) {
    const body = await fetchMetadata(location, options)
    if (body === null) continue
    const { metadata, mistakes } = readServerMetadata(issuer, body, ['token_endpoint'])
    if (mistakes.length > 0) throw new InvalidMetadataError(mistakes.join('; '))
    return metadata
  }
  throw new TokenUnavailableError({ cause: new Error(`No metadata document found for issuer ${issuer}`) })
}

async function fetchMetadata(
  location: string,
  { dispatcher, timeoutMs }: ReturnType<typeof readDiscoveryOptions>
): Promise<Buffer | null> {
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const response = await request(location, {
      headers: { accept: 'application/json' },
      signal,
      ...defined({ dispatcher })
    })
    const body = await readBody(response.body, MAX_METADATA_BYTES, signal)
    if (isWithoutMetadata(response.statusCode)) return null
    if (response.statusCode !== 200) throw new Error(`${location} answered ${response.statusCode}`)
    return body
  } catch (cause) {
    throw new TokenUnavailableError({ cause })
  }
}
