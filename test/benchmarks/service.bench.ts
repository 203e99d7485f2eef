import type { GatewayCandidate } from './gateway/candidates.ts'
import { measureCandidates } from './gateway/measure-candidates.ts'
import type { Measurement } from './support/types.ts'

const BARE = 'a bare Fastify route'
const SECURED = 'with authentication and authorization'

const candidates: readonly GatewayCandidate[] = [
  { name: BARE, server: 'service', callers: 'known', open: true },
  { name: SECURED, server: 'service', options: { secured: true }, callers: 'known' }
]

/**
 * What authentication and authorization of known tokens cost a service, beside the same route without them; measured as
 * the gateway is.
 */
export const measurement: Measurement = async (log, options) =>
  await measureCandidates(
    { candidates, goals: [{ name: `${SECURED} ÷ ${BARE}`, over: SECURED, under: BARE, of: 'cpu', most: 1.25 }] },
    log,
    options
  )
