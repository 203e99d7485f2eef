import type { Test } from 'tap'

/** A trail that is served, and the credentials of who reads it. */
export interface ServedTrail {
  /** Of the audit route. */
  readonly url: string
  /** Somebody who may read the trail, and not what it says of persons. */
  readonly reader: Readonly<Record<string, string>>
  /** Somebody who may read what it says of persons. */
  readonly trusted: Readonly<Record<string, string>>
}

/**
 * Reads a trail in every way that it is served: only who is trusted sees what it says of persons.
 * @param hidden what a row of the trail says of a person
 * @param action of that row
 */
export async function checkPersonalReading(
  t: Test,
  { url, reader, trusted }: ServedTrail,
  action: string,
  hidden: readonly string[]
): Promise<void> {
  const read = async (path: string, headers: Readonly<Record<string, string>>) => {
    const answer = await fetch(`${url}${path}`, { headers })
    return { status: answer.status, text: await answer.text() }
  }
  const refused = await read(`/personal?action=${action}`, reader)
  t.match(refused, { status: 403, text: /SALLYPORT_AUTHORIZATION_FORBIDDEN/ }, 'names need a scope of their own')
  const ways = {
    page: await read(`?action=${action}`, reader),
    export: await read('/export', reader),
    live: { status: 200, text: await firstLiveEvent(`${url}/live?after=0&action=${action}`, reader) }
  }
  for (const [way, { status, text }] of Object.entries(ways)) {
    t.equal(status, 200, way)
    t.match(text, `"action":"${action}"`, `${way}: the row is there`)
    for (const value of hidden) t.notMatch(text, value, `${way}: not in clear`)
  }
  const shown = await read(`/personal?action=${action}`, trusted)
  t.equal(shown.status, 200)
  for (const value of hidden) t.match(shown.text, value, 'who is trusted reads it')
  t.match((await read('?action=audit.read-personal', reader)).text, '"outcome":"success"', 'and that is recorded')
}

/** A live tail up to its first event; then it is left. */
async function firstLiveEvent(url: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const leaving = new AbortController()
  const answer = await fetch(url, { headers, signal: leaving.signal })
  let text = ''
  for await (const part of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += part
    if (/\ndata: .*\n\n/.test(text)) break
  }
  leaving.abort()
  return text
}
