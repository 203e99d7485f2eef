import { isSealedRecord } from '../search/search-trails.ts'
import type { LiveStep } from './live-rows.ts'

/** One server-sent event; `data` is empty where a block has an id or a comment alone. */
export interface ReceivedEvent {
  readonly id: string | null
  readonly event: string
  readonly data: string
}

/** A row is at most some ten thousand characters; what is longer is no trail. */
const LONGEST_EVENT_CHARACTERS = 1_048_576

/**
 * Reads server-sent events, also blocks without data, in the form that audit routes send: lines end with a line feed.
 * Rejects where an event does not end.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export async function* readLiveEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ReceivedEvent> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  for await (const part of body) {
    text += decoder.decode(part, { stream: true })
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield receivedEvent(text.slice(0, end))
      text = text.slice(end + 2)
    }
    if (text.length > LONGEST_EVENT_CHARACTERS) throw new Error('an event does not end')
  }
}

function receivedEvent(block: string): ReceivedEvent {
  const fields = new Map(
    block.split('\n').map(line => {
      const colon = line.indexOf(':')
      return [line.slice(0, Math.max(0, colon)), line.slice(colon + 1).trimStart()]
    })
  )
  return { id: fields.get('id') ?? null, event: fields.get('event') ?? '', data: fields.get('data') ?? '' }
}

/** Reads what the live route of another process sends. Rejects where a row is none. */
export async function* readLiveSteps(body: AsyncIterable<Uint8Array>): AsyncGenerator<LiveStep> {
  for await (const { id, event, data } of readLiveEvents(body)) {
    if (event === 'audit') {
      const row: unknown = JSON.parse(data)
      if (!isSealedRecord(row)) throw new Error('no row of a trail')
      yield { kind: 'row', row }
    } else if (id !== null && /^\d{1,15}$/.test(id)) yield { kind: 'place', sequence: Number(id) }
    else yield { kind: 'quiet' }
  }
}
