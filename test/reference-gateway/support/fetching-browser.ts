// A browser without pages: cookies of several hosts, redirects one at a time.
/** Cookies by origin, and a request with them. */
export interface FetchingBrowser {
  readonly get: (url: string, headers?: Readonly<Record<string, string>>) => Promise<Response>
  /** Submits a form. */
  readonly post: (url: string, form: Readonly<Record<string, string>>) => Promise<Response>
  /** Goes on from one redirect to the next until `isThere` likes where it leads; gives that URL. */
  readonly follow: (url: string, isThere: (url: string) => boolean) => Promise<string>
}

/** As many redirects as browsers follow. */
const MOST_HOPS = 20

/** Makes a browser with no cookies. */
export function fetchingBrowser(): FetchingBrowser {
  const jars = new Map<string, Map<string, string>>()

  async function send(url: string, init: RequestInit, headers: Readonly<Record<string, string>>): Promise<Response> {
    const { origin } = new URL(url)
    const jar = jars.get(origin) ?? new Map<string, string>()
    jars.set(origin, jar)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { ...headers, ...(cookie !== '' && { cookie }) }
    })
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';')
      const equals = pair.indexOf('=')
      const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)]
      if (value === '' || attributes.some(attribute => /max-age=0|expires=thu, 01 jan 1970/i.test(attribute))) {
        jar.delete(name)
      } else jar.set(name, value)
    }
    return response
  }

  const get: FetchingBrowser['get'] = async (url, headers = {}) => await send(url, {}, headers)

  async function follow(url: string, isThere: (url: string) => boolean): Promise<string> {
    let at = url
    for (let hops = 0; !isThere(at); hops++) {
      if (hops === MOST_HOPS) throw new Error(`${at} leads around in circles`)
      const response = await get(at)
      const location = response.headers.get('location')
      if (location === null) throw new Error(`${at} answered ${response.status}: ${await response.text()}`)
      at = new URL(location, at).href
    }
    return at
  }

  return {
    get,
    follow,
    post: async (url, form) => await send(url, { method: 'POST', body: new URLSearchParams(form) }, {})
  }
}
