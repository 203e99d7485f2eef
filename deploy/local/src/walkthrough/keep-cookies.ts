import type { Call, CallAnswer, Transcript } from './transcript.ts'

/** A client that a person sits at: it keeps cookies and says that it goes to a page. It runs no script. */
export interface PersonsClient {
  readonly open: (url: string, headers?: Readonly<Record<string, string>>) => Promise<CallAnswer>
  /** Sends the form of a page, filled in. @param page whose form it is, at `url` */
  readonly submit: (url: string, page: CallAnswer, fields: Readonly<Record<string, string>>) => Promise<CallAnswer>
}

const NAVIGATION = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const HIDDEN_FIELD = /<input type="hidden" name="([^"]*)" value="([^"]*)">/g
const ACTION = /<form method="post" action="([^"]*)">/

/** Makes a client with no cookies. */
export function keepCookies(transcript: Transcript): PersonsClient {
  const jars = new Map<string, Map<string, string>>()

  async function send({ headers, ...call }: Call): Promise<CallAnswer> {
    const { origin } = new URL(call.url)
    const jar = jars.get(origin) ?? new Map<string, string>()
    jars.set(origin, jar)
    const cookie = [...jar].map(pair => pair.join('=')).join('; ')
    const answer = await transcript.call({
      ...call,
      headers: { ...NAVIGATION, ...headers, ...(cookie !== '' && { cookie }) }
    })
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      const [pair = '', ...attributes] = line.split(';')
      const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
      if (attributes.some(attribute => /^ *max-age=0$/i.test(attribute))) jar.delete(name)
      else jar.set(name, value)
    }
    return answer
  }

  return {
    open: async (url, headers = {}) => await send({ url, headers }),
    submit: async (url, page, fields) => {
      const text = String(page.body)
      const hidden = [...text.matchAll(HIDDEN_FIELD)].map(([, name = '', value = '']) => [name, value])
      const action = new URL(ACTION.exec(text)?.[1] ?? '', url).href
      const headers = { 'sec-fetch-site': 'same-origin' }
      return await send({ method: 'POST', url: action, headers, form: { ...Object.fromEntries(hidden), ...fields } })
    }
  }
}

/** Where an answer leads; empty when it leads nowhere. */
export function leadsTo({ headers: { location } }: CallAnswer, from: string): string {
  return typeof location === 'string' ? new URL(location, from).href : ''
}
