import { isLoopback } from '@sallyport/security-context/mechanics'
import { suggestName } from '@sallyport/security-context/options'
import { refusedNames } from '../forwarded-headers.ts'
import type { GatewayDocument } from './gateway-schema.ts'

/** A value whose wrong members are left out. */
export type Loose<T> =
  T extends ReadonlyArray<infer Item>
    ? ReadonlyArray<Loose<Item> | undefined>
    : T extends object
      ? { readonly [Name in keyof T]?: Loose<T[Name]> | undefined }
      : T

/** What is wrong with one member of a document. */
export interface MemberMistake {
  /** `routes/3/upstream`. */
  readonly path: string
  readonly message: string
}

type LooseDocument = Loose<GatewayDocument>
type LooseRoute = Loose<GatewayDocument['routes'][number]>
type LooseUpstream = Loose<GatewayDocument['upstreams'][string]>

/** What the schema cannot say: how the members of a document fit together. */
export function documentMistakes(document: LooseDocument): MemberMistake[] {
  const names = Object.keys(document.upstreams ?? {})
  return [
    ...Object.entries(document.upstreams ?? {}).flatMap(([name, upstream]) =>
      under(`upstreams/${name}`, upstreamMistakes(upstream ?? {}))
    ),
    ...under('defaults', [
      ...timeoutMistakes(document.defaults?.timeouts),
      ...passMistakes(document.defaults?.requestHeaders?.pass)
    ]),
    ...(document.routes ?? []).flatMap((route, place) =>
      under(`routes/${place}`, route === undefined ? [] : routeMistakes(route, names))
    )
  ]
}

function upstreamMistakes({ origin, tls, timeouts }: LooseUpstream): MemberMistake[] {
  const url = origin === undefined ? null : new URL(origin)
  const isPlain = url?.protocol === 'http:'
  return [
    ...mistakeIf(isPlain && !isLoopback(url.hostname), 'origin', 'origin must be https: beyond loopback'),
    ...mistakeIf(isPlain && tls !== undefined, 'tls', 'tls is for https: origins'),
    ...mistakeIf(
      tls !== undefined && (tls.certificate === undefined) !== (tls.key === undefined),
      'tls',
      'certificate and key belong together'
    ),
    ...timeoutMistakes(timeouts)
  ]
}

function routeMistakes(route: LooseRoute, upstreams: readonly string[]): MemberMistake[] {
  const { upstream, access, forward, cors, strategies, path, rewrite } = route
  const namesNothing = typeof access === 'object' && Object.keys(access).length === 0
  return [
    ...(upstream === undefined || upstreams.includes(upstream) ? [] : [unknownUpstream(upstream, upstreams)]),
    ...mistakeIf(namesNothing, 'access', 'access must name scopes, roles or both'),
    ...mistakeIf(
      access === 'public' && forward !== undefined && forward !== 'none',
      'forward',
      'a public route forwards no credential: forward must be none'
    ),
    ...mistakeIf(
      access === 'public' && strategies !== undefined,
      'strategies',
      'a public route asks for no strategies'
    ),
    ...mistakeIf(
      cors?.origins === '*' && cors.credentials === true,
      'cors/credentials',
      'credentials must not be given to every origin: name the origins'
    ),
    ...mistakeIf(
      rewrite !== undefined && path !== undefined && path.includes('/:'),
      'rewrite',
      'rewrite goes with a path without parameters'
    ),
    ...repeated(strategies, 'strategies'),
    ...repeated(route.methods, 'methods'),
    ...repeated(route.hosts, 'hosts'),
    ...timeoutMistakes(route.timeouts),
    ...passMistakes(route.requestHeaders?.pass)
  ]
}

function unknownUpstream(upstream: string, known: readonly string[]): MemberMistake {
  const meant = suggestName(upstream, known)
  const hint =
    meant === null ? (known.length === 0 ? '' : ` (there are ${known.join(', ')})`) : ` (did you mean ${meant}?)`
  return { path: 'upstream', message: `there is no upstream ${JSON.stringify(upstream)}${hint}` }
}

function timeoutMistakes(timeouts: Loose<GatewayDocument['routes'][number]['timeouts']>): MemberMistake[] {
  const { headMs, pauseMs, totalMs } = timeouts ?? {}
  const longest = Math.max(headMs ?? 0, pauseMs ?? 0)
  return mistakeIf(
    totalMs !== undefined && totalMs < longest,
    'timeouts/totalMs',
    'totalMs must not be shorter than headMs and pauseMs, which are parts of it'
  )
}

function passMistakes(pass: ReadonlyArray<string | undefined> | undefined): MemberMistake[] {
  return (pass ?? []).flatMap((name, place) =>
    mistakeIf(
      name !== undefined && refusedNames([name]).length > 0,
      `requestHeaders/pass/${place}`,
      `${JSON.stringify(name)} must not reach a service from outside`
    )
  )
}

function repeated(items: ReadonlyArray<string | undefined> | undefined, name: string): MemberMistake[] {
  return (items ?? []).flatMap((item, place) =>
    mistakeIf(
      item !== undefined && (items ?? []).indexOf(item) < place,
      `${name}/${place}`,
      `this is in ${name} a second time`
    )
  )
}

function mistakeIf(isWrong: boolean, path: string, message: string): MemberMistake[] {
  return isWrong ? [{ path, message }] : []
}

function under(prefix: string, mistakes: readonly MemberMistake[]): MemberMistake[] {
  return mistakes.map(({ path, message }) => ({ path: `${prefix}/${path}`, message }))
}
