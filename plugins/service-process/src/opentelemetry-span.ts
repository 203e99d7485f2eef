import {
  SpanStatusCode,
  type Attributes,
  type AttributeValue,
  type Link,
  type Span,
  type SpanContext,
  type SpanStatus,
  type TimeInput
} from '@opentelemetry/api'
import { isSampledFlag, type AddedToSpan, type PlaceInTrace } from './place-in-trace.ts'
import { errorTypeOf } from './server-spans.ts'
import type { SpanEvent, SpanLink, SpanValue } from './span-record.ts'

const MOST_ATTRIBUTES = 128
const MOST_EVENTS = 16
const MOST_LINKS = 16
const LONGEST_ADDED_TEXT = 2048

/**
 * A span of OpenTelemetry's API in a place of a trace: that of a request, which code may add to, or one that code has
 * begun itself. What is added is bounded.
 */
export class BridgedSpan implements Span {
  readonly place: PlaceInTrace
  readonly #end: ((span: BridgedSpan, endMs: number) => void) | null
  #name: string | null
  #hasFailed = false
  readonly #attributes = new Map<string, SpanValue>()
  readonly #events: SpanEvent[] = []
  readonly #links: SpanLink[] = []

  /** @param end records the span; `null` for that of a request, which ends with its answer */
  constructor(place: PlaceInTrace, name: string | null, end: ((span: BridgedSpan, endMs: number) => void) | null) {
    this.place = place
    this.#name = name
    this.#end = end
  }

  /** What the span consists of when it ends. */
  added(): AddedToSpan & { readonly hasFailed: boolean } {
    return {
      name: this.#name,
      hasFailed: this.#hasFailed,
      attributes: [...this.#attributes].flat() as Array<string | SpanValue>,
      events: this.#events,
      links: this.#links
    }
  }

  spanContext(): SpanContext {
    const { traceId, spanId, flags } = this.place
    return { traceId, spanId, traceFlags: isSampledFlag(flags) ? 1 : 0 }
  }

  isRecording(): boolean {
    return !this.place.isEnded
  }

  setAttribute(name: string, value: AttributeValue): this {
    const kept = keptValue(value)
    const fits = this.#attributes.size < MOST_ATTRIBUTES || this.#attributes.has(name)
    if (kept !== null && fits && this.isRecording()) this.#attributes.set(name, kept)
    return this
  }

  setAttributes(attributes: Attributes): this {
    for (const [name, value] of Object.entries(attributes)) if (value !== undefined) this.setAttribute(name, value)
    return this
  }

  addEvent(name: string, given?: Attributes | TimeInput): this {
    const isTime = typeof given !== 'object' || given instanceof Date || Array.isArray(given)
    if (this.#events.length >= MOST_EVENTS || !this.isRecording()) return this
    const attributes = isTime ? [] : Object.entries(given).flatMap(([key, value]) => flatPair(key, value))
    this.#events.push({ name, atMs: performance.now(), attributes })
    return this
  }

  addLink({ context: { traceId, spanId } }: Link): this {
    if (this.#links.length < MOST_LINKS && this.isRecording()) this.#links.push({ traceId, spanId })
    return this
  }

  addLinks(links: Link[]): this {
    for (const link of links) this.addLink(link)
    return this
  }

  setStatus({ code }: SpanStatus): this {
    this.#hasFailed = code === SpanStatusCode.ERROR
    return this
  }

  updateName(name: string): this {
    this.#name = name
    return this
  }

  /** Of an exception only its kind is kept. */
  recordException(exception: unknown): void {
    this.addEvent('exception', { 'exception.type': errorTypeOf(exception) })
  }

  end(): void {
    if (this.#end === null || this.place.isEnded) return
    this.place.isEnded = true
    this.#end(this, performance.now())
  }
}

function flatPair(key: string, value: unknown): Array<string | SpanValue> {
  const kept = keptValue(value)
  return kept === null ? [] : [key, kept]
}

function keptValue(value: unknown): SpanValue | null {
  if (typeof value === 'string') return value.slice(0, LONGEST_ADDED_TEXT)
  if (typeof value === 'number' || typeof value === 'boolean') return value
  if (!Array.isArray(value)) return null
  return value.filter(item => typeof item === 'string').map(item => item.slice(0, LONGEST_ADDED_TEXT))
}
