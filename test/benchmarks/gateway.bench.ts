import { GATEWAY_CANDIDATES, GATEWAY_GOALS } from './gateway/candidates.ts'
import { measureCandidates } from './gateway/measure-candidates.ts'
import type { Measurement } from './support/types.ts'

/**
 * What the gateway costs beside other proxies: CPU time of the process per completed request, counted by the operating
 * system, in interleaved rounds. The candidate runs on one CPU; wrk, the service behind it (nginx), the issuer and what
 * else is needed run on the other. 1000 callers take turns. Every ratio is the median of the rounds' ratios.
 */
export const measurement: Measurement = async (log, options) =>
  await measureCandidates({ candidates: GATEWAY_CANDIDATES, goals: GATEWAY_GOALS }, log, options)
