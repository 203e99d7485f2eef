import { PassThrough } from 'node:stream'
import type { StartTimer } from '@sallyport/security-context/mechanics'
import type { ConfigurationKey } from '../configurations/configuration-names.ts'
import { changesOf, type ChangeFeed, type ConfigurationChange } from './change-feed.ts'

/** What one stream of changes is made of. */
export interface ChangeStreamOptions {
  readonly feed: ChangeFeed
  /** The configurations whose changes it tells of. */
  readonly keys: readonly ConfigurationKey[]
  /** Of the last event that the caller has seen; `null` when it has seen none. */
  readonly lastEventId: number | null
  /** After which it ends, in ms. */
  readonly lifetimeMs: number
  readonly heartbeatMs: number
  readonly startTimer: StartTimer
  /** Called once it is over, however it ended. */
  readonly onEnd: () => void
}

/** Bytes that may wait for a slow reader before its stream is cut. */
const MOST_WAITING_BYTES = 65_536

/**
 * A stream of server-sent events: `change` for each change, with its id. The first one comes at once, unless the caller
 * has seen the newest change; so nothing is lost between a reading and the stream, nor between two streams, however
 * long the way between them was. Comments keep it open.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function openChangeStream(options: ChangeStreamOptions): Promise<PassThrough> {
  const { feed, keys, lastEventId, lifetimeMs, heartbeatMs, startTimer, onEnd } = options
  const stream = new PassThrough({ highWaterMark: MOST_WAITING_BYTES })
  const isConcerned = changesOf(keys)
  // What comes while the newest change is looked up waits for it.
  const early: ConfigurationChange[] = []
  let toldId: number | null = null

  function write(text: string): void {
    if (stream.writableEnded || stream.destroyed) return
    // A reader that takes nothing is cut, and asks again when it can.
    if (stream.writableLength + stream.readableLength > MOST_WAITING_BYTES) stream.destroy()
    else stream.write(text)
  }

  function tell(change: ConfigurationChange): void {
    if (!isConcerned(change)) return
    if (toldId === null) early.push(change)
    else if (change.changeId > toldId) {
      toldId = change.changeId
      write(eventText(change))
    }
  }

  const unfollow = await feed.follow(tell)
  let heartbeat: { readonly stop: () => void } | null = null
  const end = startTimer(() => stream.end(), lifetimeMs)
  stream.once('close', function releaseStream() {
    unfollow()
    heartbeat?.stop()
    end.stop()
    onEnd()
  })
  function beat(): void {
    write(': \n\n')
    heartbeat = startTimer(beat, heartbeatMs)
  }

  try {
    const newest = await feed.newest(keys)
    const changeId = newest?.changeId ?? 0
    toldId = changeId
    if (newest !== null && changeId !== lastEventId) write(eventText(newest))
    early.forEach(tell)
    beat()
  } catch (error) {
    stream.destroy()
    throw error
  }
  return stream
}

function eventText({ changeId, ...change }: ConfigurationChange): string {
  return `event: change\nid: ${changeId}\ndata: ${JSON.stringify(change)}\n\n`
}
