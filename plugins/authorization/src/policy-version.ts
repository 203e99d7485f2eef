import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Measurement } from '@sallyport/security-context'
import { authorizationMatrix } from './matrix.ts'

const POLICY_VERSION_LENGTH = 12

/**
 * What the routes of an app demand, as one short version: two processes with the same one decide by the same policies.
 * Before `ready()` it is that of the routes so far.
 */
export function createPolicyVersion(fastify: FastifyInstance): () => string {
  let settled: string | null = null
  let isReady = false
  fastify.addHook('onReady', function settlePolicyVersion(done) {
    isReady = true
    done()
  })
  return () => {
    const version = settled ?? digestOfMatrix(fastify)
    if (isReady) settled = version
    return version
  }
}

function digestOfMatrix(fastify: FastifyInstance): string {
  return createHash('sha256').update(authorizationMatrix(fastify)).digest('hex').slice(0, POLICY_VERSION_LENGTH)
}

/** The version as operators watch it: two values at one time are two releases of a policy. */
export function policyMeasurement(policyVersion: () => string): Measurement {
  return {
    name: 'sallyport_policy_info',
    help: 'Version of what the routes demand of their callers',
    kind: 'gauge',
    amongWorkers: 'max',
    labels: ['version'],
    read: () => [{ labels: { version: policyVersion() }, value: 1 }]
  }
}
