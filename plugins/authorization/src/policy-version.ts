import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Measurement } from '@sallyport/security-context'
import { authorizationMatrix } from './matrix.ts'

const POLICY_VERSION_LENGTH = 12

/**
 * What the routes of an app demand, as one short version: two processes with the same one decide by the same policies.
 * Made when it is asked for first, so ask after `ready()`.
 */
export function createPolicyVersion(fastify: FastifyInstance): () => string {
  let version: string | null = null
  return () => {
    version ??= createHash('sha256').update(authorizationMatrix(fastify)).digest('hex').slice(0, POLICY_VERSION_LENGTH)
    return version
  }
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
