import { open, readFile } from 'node:fs/promises'
import { errorCode } from '@sallyport/security-context/mechanics'
import { askElsewhere, isSafeAddress, textOfAnswer } from '../ask-elsewhere.ts'

/** A place outside the database that keeps checkpoints and never forgets one. */
export interface CheckpointAnchor {
  /** For logs. */
  readonly name: string
  /** The checkpoint that was added last; `null` when there is none. */
  readonly latest: () => Promise<string | null>
  /** Adds a checkpoint; resolves when it is kept. */
  readonly add: (note: string) => Promise<void>
}

interface AnchoredLine {
  readonly addedAt: string
  readonly note: string
}

/**
 * An anchor that is a file: one line of JSON for each checkpoint, only ever added to. Put it on a disk that whoever
 * owns the database cannot write to; `chattr +a` makes it append-only on Linux.
 */
export function fileAnchor(path: string): CheckpointAnchor {
  return {
    name: `file ${path}`,
    latest: async () => await lastNote(path),
    add: async note => {
      const file = await open(path, 'a', 0o644)
      try {
        const line: AnchoredLine = { addedAt: new Date().toISOString(), note }
        // A line that was cut off before must not swallow this one.
        const isEmpty = (await file.stat()).size === 0
        await file.appendFile(`${isEmpty ? '' : '\n'}${JSON.stringify(line)}`)
        await file.datasync()
      } finally {
        await file.close()
      }
    }
  }
}

/** The checkpoints in the file of an anchor, oldest first; none when there is no file. A broken line is left out. */
export async function anchoredNotes(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return ''
    throw error
  })
  return text.split('\n').flatMap(line => noteOfLine(line) ?? [])
}

/** Of one reading; a checkpoint is some hundred bytes. */
const READ_FROM_END_BYTES = 65_536

/** The last checkpoint, read from the end of the file: it grows for years, and is asked for every few seconds. */
async function lastNote(path: string): Promise<string | null> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  })
  if (file === null) return null
  try {
    let [start, tail] = [(await file.stat()).size, Buffer.alloc(0)]
    while (start > 0) {
      const bytes = Buffer.alloc(Math.min(READ_FROM_END_BYTES, start))
      start -= bytes.length
      await file.read(bytes, 0, bytes.length, start)
      tail = Buffer.concat([bytes, tail])
      const begin = start === 0 ? 0 : tail.indexOf(LINE_END) + 1
      // Without the end of the line before it, the first line may be half of one.
      if (start > 0 && begin === 0) continue
      const note = tail
        .toString('utf8', begin)
        .split('\n')
        .flatMap(line => noteOfLine(line) ?? [])
        .at(-1)
      if (note !== undefined) return note
      tail = tail.subarray(0, begin)
    }
    return null
  } finally {
    await file.close()
  }
}

const LINE_END = 10

function noteOfLine(line: string): string | null {
  try {
    const value: unknown = JSON.parse(line)
    const isLine = typeof value === 'object' && value !== null && 'note' in value
    return isLine && typeof value.note === 'string' ? value.note : null
  } catch {
    return null
  }
}

/** What {@link httpsAnchor} says, whom it believes and how long it waits. */
export interface HttpsAnchorOptions {
  /** Goes with each request, for example `{ authorization: 'Bearer …' }`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Limit of each request, in ms. Default 10000. */
  readonly timeoutMs?: number
  /** PEM of the authorities that vouch for the anchor. Default: those that Node trusts. */
  readonly ca?: string
}

/** A checkpoint is some hundred characters; a longer answer is none. */
const MOST_NOTE_BYTES = 65_536

/**
 * An anchor behind HTTPS: `POST` adds a checkpoint as `text/plain`, any 2xx says that it is kept; `GET` answers with
 * the last one, 404 when there is none. Its certificate is always verified, and redirects are not followed.
 * @throws {TypeError} for a URL that is not HTTPS, other than one of this machine
 */
export function httpsAnchor(url: string, options: HttpsAnchorOptions = {}): CheckpointAnchor {
  const { headers = {}, timeoutMs = 10_000, ca } = options
  if (!isSafeAddress(url)) throw new TypeError('an anchor needs HTTPS')
  /** `null`: there is none. */
  async function ask(method: 'GET' | 'POST', note?: string): Promise<string | null> {
    const signal = AbortSignal.timeout(timeoutMs)
    const sent =
      note === undefined
        ? { headers }
        : { headers: { ...headers, 'content-type': 'text/plain; charset=utf-8' }, body: note }
    const answer = await askElsewhere(url, { method, signal, ca, ...sent })
    const status = answer.statusCode ?? 0
    const text = await textOfAnswer(answer, MOST_NOTE_BYTES)
    if (method === 'GET' && status === 404) return null
    if (status < 200 || status > 299) throw new Error(`the anchor answered ${status}`)
    return text
  }
  return {
    name: new URL(url).origin,
    latest: async () => await ask('GET'),
    add: async note => {
      await ask('POST', note)
    }
  }
}
