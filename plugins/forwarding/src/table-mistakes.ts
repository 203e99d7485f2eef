import { documentMistakes } from './document/document-rules.ts'
import { routeConflicts } from './match-route.ts'
import type { ReadRouteTable } from './options.ts'

/** Header fields of a request that are set by the plugin itself, or frame the message. */
const OWN_REQUEST_FIELDS =
  /^(?:host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-length|x-request-id|sallyport-txn|x-forwarded-.*|forwarded|traceparent|tracestate)$/
/** Header fields of an answer that frame the message, belong to the edge or have an option of their own. */
const OWN_ANSWER_FIELDS =
  /^(?:connection|keep-alive|trailer|transfer-encoding|upgrade|content-length|x-request-id|set-cookie|access-control-.*)$/

/** What is wrong with a table whose every member alone is right, as `routes.0.upstream: …`. */
export function tableMistakes(table: ReadRouteTable): string[] {
  // A policy has a form of its own in documents; authorization checks ours.
  const routes = table.routes.map(route => ({
    ...route,
    access: typeof route.access === 'string' ? route.access : undefined
  }))
  return [
    ...documentMistakes({ ...table, routes }).map(({ path, message }) => `${path.replaceAll('/', '.')}: ${message}`),
    ...routeConflicts(table.routes).map(({ place, message }) => `routes.${place}: ${message}`),
    ...table.routes.flatMap((route, place) => [
      ...setMistakes(route).map(text => `routes.${place}.requestHeaders.set: ${text}`),
      ...Object.keys(route.responseHeaders?.set ?? {})
        .filter(name => OWN_ANSWER_FIELDS.test(name.toLowerCase()))
        .map(name => `routes.${place}.responseHeaders.set: ${JSON.stringify(name)} is not for a route to set`)
    ]),
    ...repeatedNames(table)
  ]
}

function setMistakes({ requestHeaders, forward }: ReadRouteTable['routes'][number]): string[] {
  return Object.keys(requestHeaders?.set ?? {}).flatMap(name => {
    if (OWN_REQUEST_FIELDS.test(name.toLowerCase())) return [`${JSON.stringify(name)} is not for a route to set`]
    if (name.toLowerCase() === 'authorization' && forward !== 'none') {
      return ['authorization is the credential that goes on: forward must be none']
    }
    return []
  })
}

function repeatedNames({ routes }: ReadRouteTable): string[] {
  const names = routes.map(({ name }) => name)
  return names.flatMap((name, place) =>
    name !== undefined && names.indexOf(name) < place ? [`routes.${place}.name: another route has this name`] : []
  )
}
