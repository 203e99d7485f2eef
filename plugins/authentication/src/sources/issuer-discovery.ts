import {
  isWithoutMetadata,
  MAX_METADATA_BYTES,
  messageWithCause,
  metadataLocations,
  readServerMetadata,
  type AuthorizationServerMetadata,
  type Clock
} from '@sallyport/security-context/mechanics'
import type { Dispatcher } from 'undici'
import { IssuerMetadataError } from '../errors.ts'
import { fetchDocument, type Connection, type Fetch } from './fetch-document.ts'

/** Whose metadata is looked for, and where. */
export interface IssuerDiscoveryOptions {
  readonly issuer: string
  /** Where the document is, when it is not where RFC 8414 and OpenID Connect have it. */
  readonly metadataUri?: string | undefined
  readonly dispatcher?: Dispatcher | undefined
  readonly fetch?: Fetch | undefined
  readonly clock: Clock
}

/** What the issuer says of itself: found at the first question, and then kept. */
export interface IssuerDiscovery {
  /**
   * Rejects with `SALLYPORT_AUTHENTICATION_ISSUER_METADATA_INVALID`, or with whatever kept the document away; a failure
   * is the answer for a moment, so that an outage costs the issuer one question a second.
   */
  readonly get: () => Promise<AuthorizationServerMetadata>
  /** `null` until it is found. */
  readonly found: () => AuthorizationServerMetadata | null
}

const METADATA_TIMEOUT_MS = 2000
const FAILURE_LASTS_MS = 1000

/**
 * Finds the endpoints of an issuer by its metadata. Nothing of a token takes part: the issuer is configured, and the
 * document has to name that very issuer.
 * @see RFC 8414 §3, §3.3, OpenID Connect Discovery 1.0 §4
 */
export function createIssuerDiscovery(options: IssuerDiscoveryOptions): IssuerDiscovery {
  const { issuer, metadataUri, dispatcher, fetch, clock } = options
  const connection: Connection = {
    timeoutMs: METADATA_TIMEOUT_MS,
    ...(dispatcher === undefined ? {} : { dispatcher }),
    ...(fetch === undefined ? {} : { fetch })
  }
  let found: AuthorizationServerMetadata | null = null
  let inFlight: Promise<AuthorizationServerMetadata> | null = null
  let failed: { readonly error: unknown; readonly untilMs: number } | null = null

  async function look(): Promise<AuthorizationServerMetadata> {
    for (const location of metadataUri === undefined ? metadataLocations(issuer) : [metadataUri]) {
      const { status, body } = await fetchDocument(location, connection, MAX_METADATA_BYTES, {
        headers: { accept: 'application/json' }
      })
      if (isWithoutMetadata(status)) continue
      if (status !== 200) throw new Error(`${location} answered ${status}`)
      const { metadata, mistakes } = readServerMetadata(issuer, body, ['jwks_uri'])
      if (mistakes.length > 0) throw new IssuerMetadataError(issuer, mistakes.join('; '))
      return metadata
    }
    throw new Error(`No metadata document found for issuer ${issuer}`)
  }

  async function attempt(): Promise<AuthorizationServerMetadata> {
    try {
      found = await look()
      return found
    } catch (error) {
      failed = { error, untilMs: clock() + FAILURE_LASTS_MS }
      throw error
    } finally {
      inFlight = null
    }
  }

  return {
    found: () => found,
    async get() {
      if (found !== null) return found
      if (inFlight === null && failed !== null && clock() < failed.untilMs) {
        throw new Error(`Failed a moment ago: ${messageWithCause(failed.error)}`, { cause: failed.error })
      }
      inFlight ??= attempt()
      return await inFlight
    }
  }
}

/** The address of the keys, which every metadata document that was accepted has. */
export async function discoveredJwksUri(discovery: IssuerDiscovery): Promise<string> {
  const { jwksUri, issuer } = await discovery.get()
  if (jwksUri === null) throw new IssuerMetadataError(issuer, 'jwks_uri is missing')
  return jwksUri
}
