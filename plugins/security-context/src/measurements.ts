import type { FastifyInstance } from 'fastify'

/** One value of a measurement, under the values of its labels. */
export interface LabelledValue {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** What a measurement is now; `null` when there is nothing to say, and then there is no series. */
export type MeasuredValue = number | null | readonly LabelledValue[]

/**
 * Something that operators watch. It is read when somebody asks for the metrics and at no other time, so a request pays
 * for it nothing, or one addition.
 */
export interface Measurement {
  /** By the conventions of Prometheus: `sallyport_…`, with its unit, a counter with `_total`. */
  readonly name: string
  readonly help: string
  /** `counter`: what `read` returns never goes down while the process runs. */
  readonly kind: 'gauge' | 'counter'
  /** What a gauge of several workers is as that of one process. Left out: their sum. */
  readonly amongWorkers?: 'sum' | 'max' | 'min'
  /** Names of the labels, of values that are bounded and that no caller chooses. */
  readonly labels?: readonly string[]
  /** Cheap and without an effect. What it throws or rejects with costs its own series and no other. */
  readonly read: () => MeasuredValue | Promise<MeasuredValue>
}

/**
 * Offers measurements to whoever exposes them: the one way to do so, so that no plugin knows one that collects. In an
 * app without the security context nobody collects, and nothing happens.
 */
export function offerMeasurements(fastify: FastifyInstance, measurements: readonly Measurement[]): void {
  if (fastify.hasDecorator('measurements')) fastify.measurements.push(...measurements)
}

/** What the app measures so far; empty in an app without the security context. */
export function measurementsOf(fastify: FastifyInstance): readonly Measurement[] {
  return fastify.hasDecorator('measurements') ? fastify.measurements : []
}
