// The real local stack over TLS, with one more route that asks for a recent login.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readStack, startOwnStack, type Stack } from '@sallyport/local'
import type { Test } from 'tap'
import { CHILD_ENVIRONMENT } from '../../support/child-environment.ts'
import { ROOT } from '../../support/packages.ts'
import { demoAccount, loseAccessToken, signIn } from './person.ts'
import { atOurIssuer } from './our-issuer.ts'
import type { TriedIssuer } from './tried-issuer.ts'

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

/** The stack as any issuer is tried, by one of its customers. */
export function triedLocalStack(stack: Stack): TriedIssuer {
  const { gateway, issuer, caFile } = stack
  const account = demoAccount(stack, 'customer1')
  return {
    ...atOurIssuer(issuer, account),
    gateway,
    caFile,
    async signInLongAgo(page) {
      await signIn(page, account)
      while (page.url().startsWith(gateway)) await page.goto(`${gateway}/recent-orders`)
    },
    endAccess: loseAccessToken,
    isRenewed: async context => (await context.cookies()).some(({ name }) => name === '__Host-sallyport-access')
  }
}
