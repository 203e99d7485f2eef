import { countWait } from '@sallyport/security-context'
import { withRetryAfter } from '@sallyport/security-context/mechanics'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { boundCall } from '../bound-call.ts'
import { ClientLeftError, ForwardTimeoutError, ForwardUnavailableError } from '../errors.ts'
import type { OutgoingHead } from '../outgoing-fields.ts'
import type { TableRoute } from '../table-route.ts'
import { askPart, type MissingReason, type PartOutcome, type PartRefusal } from './ask-part.ts'
import type { TablePart } from './composed-parts.ts'

/** A request for an answer that is made of several. */
export interface ComposedRequest extends Pick<OutgoingHead, 'tracingHeaders' | 'edgeAddress'> {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: TableRoute
  readonly parts: readonly TablePart[]
}

/** What an answer lacks, and why. */
interface MissingPart {
  readonly part: string
  readonly reason: MissingReason
}

type AskedPart = readonly [part: TablePart, outcome: PartOutcome]

/**
 * Asks several services at the same time, each as the caller, and answers with one object: each part by its name,
 * `null` where there is none, and `missing`, which names the parts that could not be had and why. The time counts from
 * the arrival of the request and is one for all; a client that leaves ends every call.
 * @throws {ForwardUnavailableError} `SALLYPORT_FORWARDING_UPSTREAM_UNAVAILABLE` where no part could be had,
 * {ForwardTimeoutError} `SALLYPORT_FORWARDING_UPSTREAM_TIMEOUT` where that is a matter of time, what the exchange of a
 * deciding part throws
 */
export async function composeAnswer(composed: ComposedRequest): Promise<FastifyReply> {
  const { request, reply, route, parts } = composed
  const received = pathSegments(request)
  // An empty parameter would make another path of a part, which may be for something else.
  if (received.slice(1).includes('')) {
    reply.callNotFound()
    return reply
  }
  const { signal, headArrived } = boundCall(request, reply, { ...route.limits, totalMs: null })
  const deadlineAtMs = performance.now() - reply.elapsedTime + route.limits.headMs
  const circumstances = { ...composed, received, deadlineAtMs, signal }
  const asked = await countWait(
    request,
    'upstream',
    async () =>
      await Promise.all(parts.map(async (part): Promise<AskedPart> => [part, await askPart(part, circumstances)]))
  )
  headArrived()
  if (signal.aborted && signal.reason instanceof ClientLeftError) throw signal.reason
  const refusal = decidingRefusal(asked)
  if (refusal !== null) return sendRefusal(reply, refusal)
  const missing = asked.flatMap(([{ name }, outcome]): MissingPart[] =>
    outcome.kind === 'missing' ? [{ part: name, reason: outcome.reason }] : []
  )
  if (missing.length > 0 && asked.every(([, { kind }]) => kind !== 'present')) throw nothingToAnswer(missing)
  const values = asked.map(([{ name }, outcome]) => [name, outcome.kind === 'present' ? outcome.value : null] as const)
  const { cacheControl, set } = route.answerRules
  // A part that is missing now may be there a moment later.
  const kept = missing.length > 0 ? 'no-store' : (cacheControl ?? 'no-store')
  void reply.headers({ ...set, 'cache-control': kept }).type('application/json')
  return await reply.send(JSON.stringify({ ...Object.fromEntries(values), missing }))
}

function pathSegments({ raw: { url = '/' } }: FastifyRequest): string[] {
  const queryAt = url.indexOf('?')
  return (queryAt === -1 ? url : url.slice(0, queryAt)).split('/')
}

/** What a part that decides refuses with: then nothing of the other parts is told. */
function decidingRefusal(asked: readonly AskedPart[]): PartRefusal | null {
  for (const [{ decides }, outcome] of asked) {
    if (decides && outcome.kind !== 'present' && outcome.refusal !== null) return outcome.refusal
  }
  return null
}

async function sendRefusal(reply: FastifyReply, refusal: PartRefusal): Promise<FastifyReply> {
  if ('error' in refusal) throw refusal.error
  const { status, contentType, body } = refusal
  void reply.code(status).header('cache-control', 'no-store')
  if (contentType !== '') void reply.type(contentType)
  return await reply.send(body)
}

function nothingToAnswer(missing: readonly MissingPart[]): Error {
  if (missing.every(({ reason }) => reason === 'timeout')) return new ForwardTimeoutError()
  return withRetryAfter(new ForwardUnavailableError(), 1)
}
