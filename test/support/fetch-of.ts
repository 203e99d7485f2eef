import type { FastifyInstance } from 'fastify'

/** A `fetch` that reaches the app without a socket. */
export function fetchOf(app: FastifyInstance) {
  return async (
    url: string,
    options: { method?: string | undefined; headers?: ConstructorParameters<typeof Headers>[0]; body?: unknown } = {}
  ): Promise<Response> => {
    const { pathname, search } = new URL(url)
    const response = await app.inject({
      method: (options.method ?? 'GET') as 'GET',
      url: pathname + search,
      headers: Object.fromEntries(new Headers(options.headers)),
      ...(options.body === undefined || options.body === null ? {} : { payload: String(options.body) })
    })
    return new Response(response.statusCode === 204 ? null : response.body, {
      status: response.statusCode,
      headers: response.headers as Record<string, string>
    })
  }
}
