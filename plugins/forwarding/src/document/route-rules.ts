import type { GatewayDocument } from './gateway-schema.ts'
import { composeMistakes } from './compose-rules.ts'
import {
  type Loose,
  type MemberMistake,
  mistakeIf,
  passMistakes,
  suggestion,
  timeoutMistakes,
  unknownUpstream
} from './member-mistakes.ts'

/** The limits of a document, whose wrong members are left out. */
export type LooseRateLimits = Loose<GatewayDocument>['rateLimits']

/** Names of limits that there are none of, and names that stand there twice. */
export function limitNameMistakes(
  names: ReadonlyArray<string | undefined> | undefined,
  rateLimits: LooseRateLimits
): MemberMistake[] {
  const known = Object.keys(rateLimits ?? {})
  return [
    ...(names ?? []).flatMap((name, place) =>
      mistakeIf(
        name !== undefined && !known.includes(name),
        `rateLimits/${place}`,
        `there is no limit ${JSON.stringify(name)}${suggestion(name ?? '', known)}`
      )
    ),
    ...repeated(names, 'rateLimits')
  ]
}

/** A route whose wrong members are left out. */
export type LooseRoute = Loose<GatewayDocument['routes'][number]>

/** Header fields of a request that are set by the plugin itself, or frame the message. */
const OWN_REQUEST_FIELDS =
  /^(?:host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-length|x-request-id|sallyport-txn|sallyport-timeout-ms|x-forwarded-.*|forwarded|traceparent|tracestate)$/
/** Header fields of an answer that frame the message, belong to the edge or have an option of their own. */
const OWN_ANSWER_FIELDS =
  /^(?:connection|keep-alive|trailer|transfer-encoding|upgrade|content-length|x-request-id|set-cookie|access-control-.*)$/

/** As `@sallyport/authentication` calls it by default: its strength is that no route answers a preflight for it. */
const NEVER_PREFLIGHTED = 'x-sallyport-csrf'

/** What is wrong with a route whose members alone are right. */
export function documentRouteMistakes(
  route: LooseRoute,
  upstreams: readonly string[],
  rateLimits: LooseRateLimits
): MemberMistake[] {
  const { upstream, access, forward, cors, strategies, stepUp, path, rewrite } = route
  const namesNothing = typeof access === 'object' && Object.keys(access).length === 0
  return [
    ...unknownUpstream(upstream, upstreams),
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
      access === 'public' && cors?.credentials === true,
      'cors/credentials',
      'a public route reads no cookies, and no service gets them: credentials must be left out'
    ),
    ...(cors?.requestHeaders ?? []).flatMap((name, place) =>
      mistakeIf(
        name?.toLowerCase() === NEVER_PREFLIGHTED,
        `cors/requestHeaders/${place}`,
        `${NEVER_PREFLIGHTED} proves that no page of another origin has sent a request: such pages must not have it`
      )
    ),
    ...mistakeIf(
      rewrite !== undefined && path !== undefined && path.includes('/:'),
      'rewrite',
      'rewrite goes with a path without parameters'
    ),
    ...mistakeIf(
      stepUp !== undefined && Object.keys(stepUp).length === 0,
      'stepUp',
      'stepUp must name maxAgeSeconds, acr or both'
    ),
    ...mistakeIf(access === 'public' && stepUp !== undefined, 'stepUp', 'a public route asks nobody for a login'),
    ...mistakeIf(
      route.webSocket !== undefined && route.methods !== undefined && !route.methods.includes('GET'),
      'webSocket',
      'a WebSocket begins with GET: methods must have it'
    ),
    ...composeMistakes(route, upstreams),
    ...limitNameMistakes(route.rateLimits, rateLimits),
    ...(route.rateLimits ?? []).flatMap((name, place) =>
      mistakeIf(
        access === 'public' && /^(?:principal|client)$/.test(rateLimits?.[name ?? '']?.per ?? ''),
        `rateLimits/${place}`,
        'a public route knows no callers, and this limit counts them'
      )
    ),
    ...repeated(stepUp?.acr, 'stepUp/acr'),
    ...repeated(strategies, 'strategies'),
    ...repeated(route.methods, 'methods'),
    ...repeated(route.hosts, 'hosts'),
    ...timeoutMistakes(route.timeouts),
    ...passMistakes(route.requestHeaders?.pass),
    ...setMistakes(route)
  ]
}

function setMistakes({ requestHeaders, responseHeaders, forward }: LooseRoute): MemberMistake[] {
  const ofRequest = Object.keys(requestHeaders?.set ?? {}).flatMap(name => [
    ...mistakeIf(
      OWN_REQUEST_FIELDS.test(name.toLowerCase()),
      `requestHeaders/set/${name}`,
      `${JSON.stringify(name)} is not for a route to set`
    ),
    ...mistakeIf(
      name.toLowerCase() === 'authorization' && forward !== 'none' && forward !== undefined,
      `requestHeaders/set/${name}`,
      'authorization is the credential that goes on: forward must be none'
    )
  ])
  const ofAnswer = Object.keys(responseHeaders?.set ?? {}).flatMap(name =>
    mistakeIf(
      OWN_ANSWER_FIELDS.test(name.toLowerCase()),
      `responseHeaders/set/${name}`,
      `${JSON.stringify(name)} is not for a route to set`
    )
  )
  return [
    ...ofRequest,
    ...ofAnswer,
    ...setTwice(requestHeaders?.set, 'requestHeaders/set'),
    ...setTwice(responseHeaders?.set, 'responseHeaders/set')
  ]
}

/** Names of headers are alike in any case. */
function setTwice(fields: Readonly<Record<string, unknown>> | undefined, place: string): MemberMistake[] {
  const names = Object.keys(fields ?? {})
  const lowered = names.map(name => name.toLowerCase())
  return names.flatMap((name, at) =>
    mistakeIf(
      lowered.indexOf(name.toLowerCase()) < at,
      `${place}/${name}`,
      `${JSON.stringify(name)} is set a second time`
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
