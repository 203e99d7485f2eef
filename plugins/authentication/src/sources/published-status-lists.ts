import type { StatusReference, StatusSource } from '@sallyport/security-context'
import {
  messageWithCause,
  ownMember,
  parseJsonObject,
  type Clock,
  type Log
} from '@sallyport/security-context/mechanics'
import { LRUCache } from 'lru-cache'
import { fetchDocument, type Connection } from './fetch-document.ts'
import type { IssuerDiscovery } from './issuer-discovery.ts'
import type { StatusListSource } from './status-list-source.ts'

/** How the published lists of an issuer are found. */
export interface PublishedStatusListsOptions {
  readonly discovery: IssuerDiscovery
  readonly connection: Connection
  readonly clock: Clock
  readonly log: Log
  /** Makes the source that follows the lists whose addresses are allowed. */
  readonly open: (allowedUris: (uri: string) => Promise<boolean>) => StatusListSource
}

/** Status lists of an issuer that may publish none. */
export interface PublishedStatusLists extends StatusSource {
  /** Whether the issuer says which lists there are; until that is known they count as followed. */
  readonly areFollowed: () => boolean
  readonly size: () => number
}

const MAX_AGGREGATION_BYTES = 1024 * 1024
/** How long an address that is not published is not asked about again. */
const UNPUBLISHED_LASTS_MS = 5000
const MAX_REMEMBERED_ADDRESSES = 1000

/**
 * Follows the lists that the issuer publishes at its `status_list_aggregation_endpoint`, and no other address that a
 * token names. An issuer without that endpoint has no lists that could be told from its other documents: its tokens are
 * taken as those of an app that follows none.
 * @see draft-ietf-oauth-status-list §9
 */
export function createPublishedStatusLists(options: PublishedStatusListsOptions): PublishedStatusLists {
  const { discovery, connection, clock, log } = options
  const unpublished = new LRUCache<string, number>({ max: MAX_REMEMBERED_ADDRESSES })
  let published: ReadonlySet<string> = new Set()
  let inFlight: Promise<void> | null = null
  const source = options.open(isPublished)

  /** A list begins when the one before it is full: an address that is not known may be new. */
  async function isPublished(uri: string): Promise<boolean> {
    if (published.has(uri)) return true
    if ((unpublished.get(uri) ?? 0) > clock()) return false
    inFlight ??= load().finally(() => {
      inFlight = null
    })
    await inFlight
    if (published.has(uri)) return true
    unpublished.set(uri, clock() + UNPUBLISHED_LASTS_MS)
    return false
  }

  async function load(): Promise<void> {
    const endpoint = (await discovery.get()).statusListsEndpoint ?? null
    if (endpoint === null) return
    try {
      const { status, body } = await fetchDocument(endpoint, connection, MAX_AGGREGATION_BYTES, {
        headers: { accept: 'application/json' }
      })
      const lists = status === 200 ? ownMember(parseJsonObject(body) ?? {}, 'status_lists') : undefined
      if (!Array.isArray(lists)) throw new Error(status === 200 ? 'no status_lists' : `status ${status}`)
      published = new Set(lists.filter(uri => typeof uri === 'string'))
    } catch (error) {
      log('the published status lists could not be fetched', { endpoint, error: messageWithCause(error) })
    }
  }

  /** Known where a token is: its key came from the same metadata. */
  function areFollowed(): boolean {
    const metadata = discovery.found()
    return metadata === null || (metadata.statusListsEndpoint ?? null) !== null
  }

  return {
    follow: async (reference: StatusReference) => {
      if (areFollowed()) await source.follow(reference)
    },
    check: reference => (areFollowed() ? source.check(reference) : 'valid'),
    ageMs: source.ageMs,
    close: source.close,
    size: source.size,
    areFollowed
  }
}
