// A person's browser at a gateway whose issuer is npm oidc-provider: another server, with pages that are not ours.
import t from 'tap'
import { missingChromium, startChromium } from './support/chromium.ts'
import { playLoginScenarios } from './support/login-scenarios.ts'
import { startOidcProvider } from './support/oidc-provider.ts'

t.test('a browser at a gateway before oidc-provider', { skip: missingChromium() }, async t => {
  const at = await startOidcProvider(t)
  await playLoginScenarios(t, at, await startChromium(t, at.caFile))
})
