import type { Resource } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import { ServiceMisuseError } from './errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** What the route's {@link RouteResource} has loaded; read it by `of`. */
    loadedRow: object | null
  }
}

/** The row that a route is about: loaded once, decided over by the policy, then used by the handler. */
export interface RouteResource<Row> {
  /** For the route's `config.resource`. */
  readonly load: (request: FastifyRequest) => Promise<Resource | null>
  /**
   * The row, in a handler after the policy. Throws `SALLYPORT_SERVICE_MISUSE` on a route that did not declare `load`.
   */
  readonly of: (request: FastifyRequest) => Row
}

/**
 * A route resource that is found by a path parameter.
 * @param parameter name of the path parameter that holds the id
 * @param find the row with this id, for any caller; `null` when there is none
 */
export function routeResource<Row extends object>(
  parameter: string,
  find: (id: string) => Promise<Row | null>
): RouteResource<Row> {
  /** A class of its own for each resource: what another one has loaded is not taken for a row of this one. */
  class LoadedRow {
    readonly row: Row
    constructor(row: Row) {
      this.row = row
    }
  }
  return {
    async load(request) {
      const row = await find(resourceParameter(request, parameter))
      if (row === null) return null
      request.loadedRow = new LoadedRow(row)
      return Object.fromEntries(Object.entries(row))
    },
    of(request) {
      if (!(request.loadedRow instanceof LoadedRow)) throw serviceMisuse('the route does not declare its resource')
      return request.loadedRow.row
    }
  }
}

function resourceParameter({ params }: FastifyRequest, name: string): string {
  const value: unknown =
    typeof params === 'object' && params !== null
      ? Object.entries(params).find(([key]) => key === name)?.[1]
      : undefined
  if (typeof value !== 'string') throw serviceMisuse(`the route has no parameter ${name}`)
  return value
}

function serviceMisuse(text: string): Error {
  return new ServiceMisuseError({ cause: new Error(text) })
}
