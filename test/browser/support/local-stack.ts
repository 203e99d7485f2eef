// The real local stack over TLS, with one more route that asks for a recent login.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readStack, startOwnStack, type Stack } from '@sallyport/local'
import type { Test } from 'tap'
import { CHILD_ENVIRONMENT } from '../../support/child-environment.ts'
import { ROOT } from '../../support/packages.ts'

/** How old the login may be on `/recent-orders`. */
const RECENT_SECONDS = 15

const RECENT_ROUTE = `
  - path: /recent-orders/*
    upstream: order-service
    rewrite: /orders
    forward: { audience: order-service }
    access: authenticated
    stepUp: { maxAgeSeconds: ${RECENT_SECONDS} }
`

/** Starts the stack; it ends with the test. */
export async function startLocalStack(t: Test): Promise<Stack> {
  const routes = readFileSync(join(ROOT, 'deploy/local/gateway.yaml'), 'utf8')
  const routesPath = join(t.testdir(), 'gateway.yaml')
  writeFileSync(routesPath, `${routes.trimEnd()}\n${RECENT_ROUTE}`)
  const own = await startOwnStack({
    args: ['--tls'],
    environment: { ...process.env, ...CHILD_ENVIRONMENT, SALLYPORT_ROUTES_PATH: routesPath }
  })
  t.teardown(own.stop)
  return readStack(own.localJson)
}
