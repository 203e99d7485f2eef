import type { GatewayDocument } from './gateway-schema.ts'
import { type Loose, type MemberMistake, mistakeIf, unknownUpstream } from './member-mistakes.ts'

type LooseComposedRoute = Loose<GatewayDocument['routes'][number]>
type LoosePart = NonNullable<NonNullable<LooseComposedRoute['compose']>[string]>

/** What is wrong with the parts of a composed answer, whose members alone are right. */
export function composeMistakes(route: LooseComposedRoute, upstreams: readonly string[]): MemberMistake[] {
  const { compose, methods, path = '', rewrite, stream, webSocket } = route
  if (compose === undefined) return []
  const parts = Object.entries(compose)
  const isReading = methods?.length === 1 && methods[0] === 'GET'
  return [
    ...mistakeIf(parts.length === 0, 'compose', 'compose must not be empty'),
    ...mistakeIf('missing' in compose, 'compose/missing', 'missing is where the answer says what it lacks'),
    ...mistakeIf(!isReading, 'methods', 'a composed answer is read: methods must be [GET]'),
    ...mistakeIf(path.includes('*'), 'path', 'a composed answer is for one path, without *'),
    ...mistakeIf(rewrite !== undefined, 'rewrite', 'each part of a composed answer has a path of its own'),
    ...mistakeIf(webSocket !== undefined, 'webSocket', 'a composed answer is no WebSocket'),
    ...mistakeIf(stream === true, 'stream', 'a composed answer is whole before it leaves'),
    ...parts.flatMap(([name, part]) =>
      composedPartMistakes(part ?? {}, route, upstreams).map(mistake => ({
        ...mistake,
        path: `compose/${name}/${mistake.path}`
      }))
    )
  ]
}

function composedPartMistakes(
  part: LoosePart,
  { path = '', access }: LooseComposedRoute,
  upstreams: readonly string[]
) {
  const known = parametersOfPath(path)
  const unknown = parametersOfPath(part.path ?? '').filter(name => !known.includes(name))
  return [
    ...unknownUpstream(part.upstream, upstreams),
    ...unknown.map(name => ({ path: 'path', message: `the path of the route has no ${name}` })),
    ...mistakeIf(
      access === 'public' && part.forward !== undefined && part.forward !== 'none',
      'forward',
      'a public route forwards no credential: forward must be none'
    )
  ]
}

function parametersOfPath(path: string): string[] {
  return path.split('/').filter(segment => segment.startsWith(':'))
}
