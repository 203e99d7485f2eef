import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { createHash, randomBytes } from 'node:crypto'
import { FACTS } from './authorization-server.ts'

export const WEB_APP = { client_id: 'web-app', redirect_uri: 'http://127.0.0.1:9090/callback' }
export const NATIVE_APP = { client_id: 'native-app', redirect_uri: 'http://127.0.0.1:9091/callback' }

/** A browser without scripts: cookies, and forms as a page has them. */
export interface Browser {
  cookies: Map<string, string>
  /** Headers that this browser sends with every request. */
  headers: Record<string, string>
  get: (url: string) => Promise<LightMyRequestResponse>
  post: (url: string, form: Record<string, string>) => Promise<LightMyRequestResponse>
  /** Sends the form of a page, filled in. */
  submit: (page: LightMyRequestResponse, fields: Record<string, string>) => Promise<LightMyRequestResponse>
}

export function browser(app: FastifyInstance): Browser {
  const cookies = new Map<string, string>()
  const send = async (method: 'GET' | 'POST', url: string, headers: Record<string, string>, payload?: string) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await app.inject({
      method,
      url,
      headers: { ...self.headers, ...headers, ...(cookie === '' ? {} : { cookie }) },
      ...(payload === undefined ? {} : { payload })
    })
    for (const { name, value, maxAge } of response.cookies) {
      maxAge === 0 ? cookies.delete(name) : cookies.set(name, value)
    }
    return response
  }
  const self: Browser = {
    cookies,
    headers: {},
    get: async url => await send('GET', url, {}),
    post: async (url, form) =>
      await send(
        'POST',
        url,
        { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin', origin: 'null' },
        new URLSearchParams(form).toString()
      ),
    submit: async (page, fields) => {
      const { action, values } = formOf(page.body)
      return await self.post(action, { ...values, ...fields })
    }
  }
  return self
}

/** The form of a page: where it goes and what its hidden fields say. */
export function formOf(body: string): { action: string; values: Record<string, string> } {
  const action = /<form method="post" action="([^"]*)">/.exec(body)?.[1] ?? ''
  const hidden = [...body.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)]
  return { action, values: Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, unescaped(value)])) }
}

const unescaped = (text: string): string =>
  text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')

/** A verifier and its challenge. */
export function pkce(): { verifier: string; challenge: string } {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

export const authorizeUrl = (parameters: Record<string, string | undefined>, prefix = ''): string =>
  `${prefix}/oauth2/authorize?${new URLSearchParams(Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)).toString()}`

/** A complete request, with `more` in place of what it names; `undefined` leaves a parameter out. */
export const requestOf = (
  challenge: string,
  more: Record<string, string | undefined> = {}
): Record<string, string | undefined> => ({
  ...WEB_APP,
  response_type: 'code',
  scope: 'orders:read',
  state: 'state-1',
  code_challenge: challenge,
  code_challenge_method: 'S256',
  ...more
})

export const credentialsOf = (username: keyof typeof FACTS.users): Record<string, string> => ({
  username,
  password: FACTS.users[username].password
})

/** Where a redirect goes, by parameter. */
export function redirectOf(response: LightMyRequestResponse): { to: string; answer: Record<string, string> } {
  const [to = '', query = ''] = (response.headers.location ?? '').split('?')
  return { to, answer: Object.fromEntries(new URLSearchParams(query)) }
}

/** Logs in, allows, and gives what the client gets. */
export async function authorized(
  user: Browser,
  url: string,
  username: keyof typeof FACTS.users = 'customer1'
): Promise<{ to: string; answer: Record<string, string> }> {
  let response = await user.get(url)
  if (response.body.includes('name="password"')) response = await user.submit(response, credentialsOf(username))
  if (response.body.includes('value="allow"')) response = await user.submit(response, { decision: 'allow' })
  return redirectOf(response)
}
