import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Context,
  type ContextManager,
  type Span,
  type SpanOptions,
  type TextMapPropagator,
  type Tracer
} from '@opentelemetry/api'
import { BridgedSpan } from './opentelemetry-span.ts'
import { flagsOf, outgoingTrace, PlaceInTrace, readTraceparent, type SpanPlace } from './place-in-trace.ts'
import { NOTHING } from './span-record.ts'
import type { BridgedContext, SpanRecorder } from './span-recorder.ts'

/**
 * Makes OpenTelemetry's API record into the traces of this process: what an app or a library calls of it adds to the
 * span of its request, or makes spans below it. Where the process has an SDK of its own registered, that stays.
 * @returns takes it away
 */
export function bridgeOpenTelemetry(recorder: SpanRecorder): () => void {
  const registered = [
    trace.setGlobalTracerProvider({ getTracer: scope => bridgedTracer(recorder, scope) }) ? trace : null,
    context.setGlobalContextManager(bridgedContexts(recorder)) ? context : null,
    propagation.setGlobalPropagator(w3cPropagator()) ? propagation : null
  ]
  return () => {
    for (const api of registered) api?.disable()
  }
}

function bridgedTracer(recorder: SpanRecorder, scope: string): Tracer {
  function startSpan(name: string, options: SpanOptions = {}, parent: Context = context.active()): Span {
    const above = options.root === true ? null : placeOfContext(parent)
    const place = new PlaceInTrace(above, above?.state ?? null, recorder.sample)
    const span = new BridgedSpan(place, name, (ended, endMs) => {
      const { name: lastName, ...added } = ended.added()
      if (!place.isSampled && !added.hasFailed) return
      const { traceId, spanId, parentSpanId, state, isSampled, startMs } = place
      const kind = options.kind ?? SpanKind.INTERNAL
      const facts = { common: NOTHING, traceId, spanId, parentSpanId, state, isSampled, startMs, endMs, kind, scope }
      recorder.record({ ...facts, ...added, name: lastName ?? name })
    })
    return span.setAttributes(options.attributes ?? {}).addLinks(options.links ?? [])
  }

  return {
    startSpan,
    startActiveSpan(name: string, ...given: unknown[]): never {
      const run = given.at(-1) as (span: Span) => never
      const [options, parent] = given.slice(0, -1) as [SpanOptions?, Context?]
      const below = parent ?? context.active()
      const span = startSpan(name, options, below)
      return context.with(trace.setSpan(below, span), () => run(span))
    }
  }
}

function bridgedContexts(recorder: SpanRecorder): ContextManager {
  const manager: ContextManager = {
    active() {
      const running = recorder.running()
      if (running === undefined) return ROOT_CONTEXT
      return 'bridged' in running ? running.bridged : contextOfPlace(running)
    },
    with(entered, run, thisArgument, ...parts) {
      const running: BridgedContext = { bridged: entered, place: placeOfContext(entered) }
      return recorder.run(running, () => Reflect.apply(run, thisArgument, parts) as ReturnType<typeof run>)
    },
    bind(entered, target) {
      if (typeof target !== 'function') return target
      const bound = (...parts: unknown[]): unknown =>
        manager.with(entered, () => Reflect.apply(target, undefined, parts) as unknown)
      return bound as typeof target
    },
    enable: () => manager,
    disable: () => manager
  }
  return manager
}

/** The span of a request, for code that adds to it. */
function contextOfPlace(place: PlaceInTrace): Context {
  if (place.context === null) {
    const span = new BridgedSpan(place, null, null)
    place.added = () => span.added()
    place.context = trace.setSpan(ROOT_CONTEXT, span)
  }
  return place.context
}

function placeOfContext(given: Context): SpanPlace | null {
  const span = trace.getSpan(given)
  if (span instanceof BridgedSpan) return span.place
  const named = span?.spanContext()
  if (named === undefined) return null
  const { traceId, spanId, traceFlags, traceState } = named
  const isSampled = (traceFlags & 1) === 1
  return { traceId, spanId, flags: flagsOf(isSampled), isSampled, state: traceState?.serialize() ?? null, header: null }
}

function w3cPropagator(): TextMapPropagator {
  return {
    inject(given, carrier, { set }) {
      const headers = outgoingTrace(placeOfContext(given))
      for (const name in headers) set(carrier, name, headers[name] ?? '')
    },
    extract(given, carrier, { get }) {
      const named = readTraceparent(get(carrier, 'traceparent'))
      if (named === null) return given
      const { traceId, spanId, flags } = named
      return trace.setSpanContext(given, { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true })
    },
    fields: () => ['traceparent', 'tracestate']
  }
}
