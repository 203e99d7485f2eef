import { setTimeout as delay } from 'node:timers/promises'
import { asUser, answerList, type Flow, type Stack } from '../flow.ts'
import type { Transcript } from '../transcript.ts'
import type { CollectedSpan } from '../../trace-collector.ts'
import { placeDemoOrder } from './4-service-to-service.ts'

const SERVER = 2
const POLL_MS = 200
const MOST_POLLS = 150
const OF_THE_ORDER = ['reference-gateway', 'order-service', 'restaurant-service']

/** One trace from the edge through two services, by its id in the audit rows, into a collector. */
export const tracingFlow: Flow = {
  title: '9. Tracing: one trace from the edge through two services to their databases, in a collector',
  run: async (stack, transcript) => {
    const order = await placeDemoOrder(stack, transcript, 'customer2')
    const placed = (await trail(stack, transcript, 'order-service')).find(
      event => event.action === 'order.place' && event.resourceId === order.orderId
    )
    const opened = (await trail(stack, transcript, 'restaurant-service')).find(
      event => event.action === 'ticket.open' && event.traceId === placed?.traceId
    )
    transcript.check(
      typeof placed?.traceId === 'string' && opened !== undefined,
      `both rows carry the trace ${String(placed?.traceId)}`
    )
    if (stack.collector === undefined) transcript.note('the spans of this stack go to a collector of yours')
    else await followTrace(`${stack.collector}/traces/${String(placed?.traceId)}`, transcript)
  }
}

async function followTrace(url: string, transcript: Transcript): Promise<void> {
  transcript.note('each process sends its spans by itself, so they come one after the other')
  for (let poll = 0; poll < MOST_POLLS && !isComplete(await spansAt(url)); poll++) await delay(POLL_MS)
  transcript.note(`GET ${url}`)
  const spans = await spansAt(url)
  for (const line of treeOf(spans)) transcript.note(line)
  transcript.check(isComplete(spans), 'the collector has one trace: gateway → order-service → restaurant-service')
  transcript.check(
    OF_THE_ORDER.slice(1).every(name =>
      spans.some(span => serviceOf(span) === name && span.attributes['db.system.name'] === 'postgresql')
    ),
    'with the statements of both services, without their values'
  )
}

async function spansAt(url: string): Promise<readonly CollectedSpan[]> {
  const answer = (await (await fetch(url)).json()) as { readonly spans: readonly CollectedSpan[] }
  return answer.spans
}

/** Whether the requests of all three processes are there: a server span ends after everything under it. */
function isComplete(spans: readonly CollectedSpan[]): boolean {
  return OF_THE_ORDER.every(name => spans.some(span => span.kind === SERVER && serviceOf(span) === name))
}

const serviceOf = (span: CollectedSpan): unknown => span.resource['service.name']

/** A line for each span, below the one that it belongs to. */
function treeOf(spans: readonly CollectedSpan[], parent?: string): string[] {
  return spans
    .filter(({ parentSpanId }) => parentSpanId === parent)
    .sort((one, other) => Number(one.startTimeUnixNano) - Number(other.startTimeUnixNano))
    .flatMap(span => {
      const ms = Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6
      const line = `${String(serviceOf(span))}: ${span.name} (${ms.toFixed(1)} ms)`
      return [line, ...treeOf(spans, span.spanId).map(below => `  ${below}`)]
    })
}

async function trail(
  stack: Stack,
  transcript: Transcript,
  process: string
): Promise<ReadonlyArray<Record<string, unknown>>> {
  return answerList(
    await transcript.call({ url: `${stack.gateway}/audit/${process}`, headers: asUser(stack, 'admin1') }),
    'events'
  )
}
