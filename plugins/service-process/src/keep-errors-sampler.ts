import {
  type Sampler,
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  SamplingDecision,
  TraceIdRatioBasedSampler
} from '@opentelemetry/sdk-trace-node'
import type { SamplerName } from './otlp-settings.ts'

/**
 * The sampler of a name of the standard. What it leaves out is still recorded, though not marked as sampled, so that
 * the processor can keep it if it ends in an error; only `always_off` records nothing.
 * @param ratio of the traces that begin here, from 0 to 1
 */
export function keepErrorsSampler(name: SamplerName, ratio: number): Sampler {
  if (name === 'always_off') return new AlwaysOffSampler()
  const sampler = standardSampler(name, ratio)
  return {
    shouldSample(...asked) {
      const result = sampler.shouldSample(...asked)
      return result.decision === SamplingDecision.NOT_RECORD ? { ...result, decision: SamplingDecision.RECORD } : result
    },
    toString: () => `KeepErrors{${sampler.toString()}}`
  }
}

function standardSampler(name: Exclude<SamplerName, 'always_off'>, ratio: number): Sampler {
  switch (name) {
    case 'always_on':
      return new AlwaysOnSampler()
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio)
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() })
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() })
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) })
  }
}
