import type { FastifyRequest } from 'fastify'

/** What a request can wait for: a service behind this process, its database, an answer of the authorization server. */
export type AwaitedPart = 'upstream' | 'database' | 'token'

const SPENT = Symbol('sallyport.security-context.spentTimes')

declare module 'fastify' {
  interface FastifyRequest {
    [SPENT]?: SpentTimes | null
  }
}

/** A clock for one part: waits that overlap count once. */
class PartClock {
  #waits = 0
  #sinceMs = 0
  #totalMs = 0

  begin(): void {
    if (this.#waits++ === 0) this.#sinceMs = performance.now()
  }

  end(): void {
    if (this.#waits > 0 && --this.#waits === 0) this.#totalMs += performance.now() - this.#sinceMs
  }

  /** In ms, with what has not ended yet. */
  read(): number {
    const underWayMs = this.#waits === 0 ? 0 : performance.now() - this.#sinceMs
    return Math.round((this.#totalMs + underWayMs) * 1000) / 1000
  }
}

/** One object a request, and only for requests that wait for something. */
class SpentTimes {
  upstream: PartClock | null = null
  database: PartClock | null = null
  token: PartClock | null = null
}

/** Fills the slot of each request with its final shape. */
export const SPENT_TIMES_SLOT = SPENT

/** The request begins to wait for a part of its work; {@link endWait} has to follow. */
export function beginWait(request: FastifyRequest, part: AwaitedPart): void {
  const times = (request[SPENT] ??= new SpentTimes())
  const clock = (times[part] ??= new PartClock())
  clock.begin()
}

/** The wait is over. */
export function endWait(request: FastifyRequest, part: AwaitedPart): void {
  request[SPENT]?.[part]?.end()
}

/** Counts the time until a promise settles. */
export async function countWait<Answer>(
  request: FastifyRequest,
  part: AwaitedPart,
  wait: () => Promise<Answer>
): Promise<Answer> {
  beginWait(request, part)
  try {
    return await wait()
  } finally {
    endWait(request, part)
  }
}

/** What the request has waited for and how long, in ms: `upstreamMs`, `databaseMs`, `tokenMs`; only what there was. */
export function spentTimesOf(request: FastifyRequest): Readonly<Record<string, number>> {
  const times = request[SPENT]
  if (times === undefined || times === null) return {}
  const { upstream, database, token } = times
  return {
    ...(upstream !== null && { upstreamMs: upstream.read() }),
    ...(database !== null && { databaseMs: database.read() }),
    ...(token !== null && { tokenMs: token.read() })
  }
}
