// A browser without pages at an app in this process, and a key for what it seals into cookies.
import { createHash } from 'node:crypto'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'

/** A sealing key from a word; real ones are random. */
export const key = (id: string): { id: string; key: Buffer } => ({ id, key: createHash('sha256').update(id).digest() })

/** Keeps cookies as a browser does. */
export class Browser {
  readonly cookies = new Map<string, string>()
  readonly headers: Record<string, string>
  readonly #app: FastifyInstance

  constructor(
    app: FastifyInstance,
    headers: Record<string, string> = { 'sec-fetch-site': 'same-origin', 'user-agent': 'Test browser' }
  ) {
    this.#app = app
    this.headers = headers
  }

  cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  async send(options: InjectOptions): Promise<LightMyRequestResponse> {
    const cookie = this.cookieHeader()
    const response = await this.#app.inject({
      ...options,
      headers: { ...this.headers, ...(cookie === '' ? {} : { cookie }), ...options.headers }
    })
    for (const { name, value, maxAge } of response.cookies) {
      if (maxAge === 0) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return response
  }

  async get(url: string, headers: Record<string, string> = {}): Promise<LightMyRequestResponse> {
    return await this.send({ method: 'GET', url, headers })
  }

  async logIn(
    payload: Record<string, unknown> = { username: 'customer1', password: 'pass:word' }
  ): Promise<LightMyRequestResponse> {
    return await this.send({ method: 'POST', url: '/login', payload })
  }
}
