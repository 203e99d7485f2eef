import type { KeySource, StatusSource } from '@sallyport/security-context'
import { defined, type Clock, type Log } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import type { Dispatcher } from 'undici'
import { IssuerMetadataError } from './errors.ts'
import type { DescribedIssuer } from './issuer-options.ts'
import { createIssuerDiscovery, discoveredJwksUri, type IssuerDiscovery } from './sources/issuer-discovery.ts'
import { createJwksKeySource } from './sources/jwks-key-source.ts'
import { createPublishedStatusLists } from './sources/published-status-lists.ts'
import { createStatusListSource } from './sources/status-list-source.ts'

/** The sources of one issuer. */
export interface OpenIssuer {
  readonly keys: KeySource
  readonly status: StatusSource | undefined
  /** `null` where nothing has to be found. */
  readonly discovery: IssuerDiscovery | null
  /** Whether a revocation of its tokens is seen. */
  readonly followsStatus: () => boolean
}

/** How the sources reach the issuer, and where they say how it goes. */
export interface IssuerConnection {
  readonly dispatcher?: Dispatcher
  readonly clock: Clock
  readonly log: Log
}

/** Time for one fetch of a status list, or of what lists there are, in ms. */
const STATUS_TIMEOUT_MS = 2000

/** Where and how the sources of an issuer are opened. */
export interface IssuerOpening {
  readonly fastify: FastifyInstance
  readonly connection: IssuerConnection
  /** Whether more than its keys has to be found, such as its introspection endpoint. */
  readonly needsEndpoints: boolean
}

/**
 * Opens what verifies the tokens of one issuer. Where neither its keys nor their address is configured, its metadata
 * names them, and its status lists too. What is opened here is closed with the app. The first keys are fetched before
 * the app is ready; an issuer that is away does not keep the app from starting, one whose metadata is wrong does.
 */
export function openIssuer(issuer: DescribedIssuer, opening: IssuerOpening): OpenIssuer {
  const isFound = issuer.keys === undefined && issuer.jwksUri === undefined
  const discovery = isFound || opening.needsEndpoints ? openIssuerDiscovery(issuer, opening) : null
  const keys = issuer.keys ?? openKeys(issuer, opening, discovery)
  const published = isFound && discovery !== null ? openPublishedLists(issuer, opening, { keys, discovery }) : null
  const status = issuer.status ?? openConfiguredLists(issuer, opening, keys) ?? published ?? undefined
  return {
    keys,
    status,
    discovery,
    followsStatus: () => status !== undefined && (status !== published || published.areFollowed())
  }
}

function openIssuerDiscovery(
  { issuer, metadataUri }: DescribedIssuer,
  { fastify, connection }: IssuerOpening
): IssuerDiscovery {
  const { dispatcher, clock, log } = connection
  const discovery = createIssuerDiscovery({ issuer, metadataUri, dispatcher, clock })
  fastify.addHook('onReady', async function findIssuer() {
    await discovery.get().catch((error: unknown) => {
      if (error instanceof IssuerMetadataError) throw error
      log('the issuer is not found yet', { issuer, error: String(error) })
    })
  })
  return discovery
}

function openKeys(
  { issuer, jwksUri }: DescribedIssuer,
  { fastify, connection }: IssuerOpening,
  discovery: IssuerDiscovery | null
): KeySource {
  const found = discovery === null ? undefined : async () => await discoveredJwksUri(discovery)
  const keys = createJwksKeySource({ issuer, jwksUri: jwksUri ?? found ?? '', ...connection })
  fastify.addHook('onReady', async function prefetchKeys() {
    await keys.ready().catch((error: unknown) => fastify.log.warn({ err: error }, 'no verification keys yet'))
  })
  fastify.addHook('onClose', async function closeKeys() {
    await keys.close()
  })
  return keys
}

function openConfiguredLists(
  { issuer, statusLists }: DescribedIssuer,
  { fastify, connection }: IssuerOpening,
  keys: KeySource
): StatusSource | undefined {
  if (statusLists === undefined) return undefined
  const status = createStatusListSource({ ...statusLists, issuer, keys, ...connection })
  fastify.addHook('onClose', async function closeStatusLists() {
    await status.close()
  })
  return status
}

function openPublishedLists(
  { issuer, status, statusLists }: DescribedIssuer,
  { fastify, connection }: IssuerOpening,
  { keys, discovery }: { readonly keys: KeySource; readonly discovery: IssuerDiscovery }
) {
  if ((status ?? statusLists) !== undefined) return null
  const { dispatcher, clock, log } = connection
  const lists = createPublishedStatusLists({
    discovery,
    connection: { timeoutMs: STATUS_TIMEOUT_MS, ...defined({ dispatcher }) },
    clock,
    log,
    open: allowedUris => createStatusListSource({ issuer, keys, allowedUris, ...connection })
  })
  fastify.addHook('onClose', async function closePublishedLists() {
    await lists.close()
  })
  return lists
}
