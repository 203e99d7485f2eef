import type { ExplainedRequest, RequestExplanation, RouteDescription } from '@sallyport/forwarding/document'
import { guardLines, targetsText } from './guard-words.ts'
import { accessInWords, alignedRows, corsText, credentialText, stepUpText, strategiesText } from './words.ts'

/** What becomes of a request, for people. */
export function explanationText({ method, url }: ExplainedRequest, explanation: RequestExplanation): string {
  const head = `${method} ${url}`
  if (explanation.outcome === 'ambiguous') return `${head}\n  refused: ${explanation.mistake}`
  if (explanation.outcome === 'no-route') return `${head}\n  no route of the file is for it`
  const { route, target } = explanation
  const rows: ReadonlyArray<readonly [string, string]> = [
    ['route', `${route.name}: ${route.methods.join(',')} ${route.hosts?.join(',') ?? ''}${route.path}`],
    ['may pass', accessInWords(route.access)],
    ['proven by', strategiesText(route)],
    ...(route.stepUp === null ? [] : [['logged in', stepUpText(route.stepUp)] as const]),
    ...destinationRows(route, target),
    ['request headers', `${route.requestHeaders.pass.join(', ')}${setText(route.requestHeaders.set)}`],
    ['response headers', responseHeadersText(route)],
    ['body', `up to ${route.maxBodyBytes} bytes`],
    ['answer', limitsText(route)],
    ...(route.rateLimits.length === 0 ? [] : [['counted by', route.rateLimits.join(', ')] as const]),
    ['pages', corsText(route.cors)]
  ]
  return `${head}\n${alignedRows(rows.map(([name, text]) => [`  ${name}`, text]))}`
}

function destinationRows(route: RouteDescription, target: string): ReadonlyArray<readonly [string, string]> {
  const { compose, upstream, credential, targets } = route
  if (compose === null) {
    return [
      ['goes to', `${upstream}: ${target}`],
      ...(targets.length === 1 ? [] : [['targets', targetsText(route)] as const]),
      ...guardLines(route).map((line, place) => [place === 0 ? 'guarded' : '', line] as const),
      ['credential', credentialText(credential)]
    ]
  }
  return compose.map(part => {
    const decides = part.decides ? '; what it refuses is the answer' : ''
    return [`part ${part.name}`, `${part.upstream}: ${part.target}, ${credentialText(part.credential)}${decides}`]
  })
}

function setText(names: readonly string[]): string {
  return names.length === 0 ? '' : `; set here: ${names.join(', ')}`
}

function responseHeadersText({ responseHeaders: { set, remove } }: RouteDescription): string {
  const removed = remove.length === 0 ? '' : `; not passed: ${remove.join(', ')}`
  return `those of the service${setText(set)}${removed}`
}

function limitsText({ limits: { headMs, pauseMs, totalMs } }: RouteDescription): string {
  const whole = totalMs === null ? 'a stream without end' : `whole within ${totalMs} ms`
  return `head within ${headMs} ms, pauses up to ${pauseMs} ms, ${whole}`
}
