import { documentMistakes } from './document/document-rules.ts'
import type { LooseRoute } from './document/route-rules.ts'

type LooseTable = Parameters<typeof documentMistakes>[0]

/** A table whose every member alone is right. */
export interface CheckedTable extends Omit<LooseTable, 'routes'> {
  readonly routes: ReadonlyArray<Omit<LooseRoute, 'access'> & { readonly access: unknown }>
}

/** What is wrong with a table whose every member alone is right, as `routes.0.upstream: …`. */
export function tableMistakes(table: CheckedTable): string[] {
  const routes = table.routes.map(({ access, ...route }): LooseRoute =>
    // A policy has a form of its own in documents; authorization checks ours.
    access === 'public' || access === 'authenticated' ? { ...route, access } : route
  )
  return documentMistakes({ ...table, routes }).map(({ path, message }) => `${path.replaceAll('/', '.')}: ${message}`)
}
