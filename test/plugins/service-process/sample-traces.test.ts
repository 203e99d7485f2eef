import { randomTraceId } from '@sallyport/security-context'
import t from 'tap'
import { SAMPLERS, type SamplerName } from '../../../plugins/service-process/src/otlp-settings.ts'
import { traceSampler } from '../../../plugins/service-process/src/sample-traces.ts'

t.test('each sampler heeds the flag of the caller, or does not, as the standard says', t => {
  const lowest = `${'f'.repeat(24)}00000000`
  const highest = 'f'.repeat(32)
  const decisions = (name: SamplerName): boolean[] =>
    [lowest, highest].flatMap(id => [null, true, false].map(given => traceSampler(name, 0.5)(id, given)))
  const expected: Record<SamplerName, boolean[]> = {
    always_on: [true, true, true, true, true, true],
    always_off: [false, false, false, false, false, false],
    traceidratio: [true, true, true, false, false, false],
    parentbased_always_on: [true, true, false, true, true, false],
    parentbased_always_off: [false, true, false, false, true, false],
    parentbased_traceidratio: [true, true, false, false, true, false]
  }
  for (const name of SAMPLERS) t.same(decisions(name), expected[name], name)
  t.end()
})

t.test('a share of the traces is exported, none of none and all of all', t => {
  const ids = Array.from({ length: 10_000 }, randomTraceId)
  const exported = (share: number): number =>
    ids.filter(id => traceSampler('traceidratio', share)(id, null)).length / ids.length
  t.same([exported(0), exported(1)], [0, 1])
  const tenth = exported(0.1)
  t.ok(tenth > 0.08 && tenth < 0.12, String(tenth))
  t.end()
})
