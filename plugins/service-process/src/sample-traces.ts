import type { SamplerName } from './otlp-settings.ts'
import type { SampleTrace } from './place-in-trace.ts'

/** So many of the last digits of a trace id are compared: those that are random by W3C Trace Context. */
const RANDOM_DIGITS = 8

/**
 * Decides about traces as the samplers of the standard do. What it leaves out is kept where it ends in an error; only
 * `always_off`, with which nothing is recorded, leaves out everything.
 * @param share of the traces that begin here, from 0 to 1
 * @see OpenTelemetry, environment variables of the SDK, `OTEL_TRACES_SAMPLER`
 */
export function traceSampler(name: SamplerName, share: number): SampleTrace {
  // As text: all ids have as many digits.
  const first = Math.round(share * 16 ** RANDOM_DIGITS)
    .toString(16)
    .padStart(RANDOM_DIGITS, '0')
  const ofShare = (traceId: string): boolean => share === 1 || traceId.slice(-RANDOM_DIGITS) < first
  switch (name) {
    case 'always_on':
      return () => true
    case 'always_off':
      return () => false
    case 'traceidratio':
      return ofShare
    case 'parentbased_always_on':
      return (_traceId, given) => given ?? true
    case 'parentbased_always_off':
      return (_traceId, given) => given ?? false
    case 'parentbased_traceidratio':
      return (traceId, given) => given ?? ofShare(traceId)
  }
}
