import { documentMistakes } from './document/document-rules.ts'
import type { ReadRouteTable } from './options.ts'

/** What is wrong with a table whose every member alone is right, as `routes.0.upstream: …`. */
export function tableMistakes(table: ReadRouteTable): string[] {
  // A policy has a form of its own in documents; authorization checks ours.
  const routes = table.routes.map(route => ({
    ...route,
    access: typeof route.access === 'string' ? route.access : undefined
  }))
  return documentMistakes({ ...table, routes }).map(({ path, message }) => `${path.replaceAll('/', '.')}: ${message}`)
}
