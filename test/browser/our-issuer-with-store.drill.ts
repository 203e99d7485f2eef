// A person's browser at a gateway that keeps its sessions in a store, and hears from our authorization server of
// logouts there.
import t from 'tap'
import { missingChromium, startChromium } from './support/chromium.ts'
import { playLoginScenarios } from './support/login-scenarios.ts'
import { startStoredOurIssuer } from './support/stored-our-issuer.ts'

t.test('a browser at a gateway with a store before our authorization server', { skip: missingChromium() }, async t => {
  const at = await startStoredOurIssuer(t)
  // What a store changes; the rest is tried at the local stack.
  await playLoginScenarios(t, at, await startChromium(t, at.caFile), [
    'a page that asks for a recent login has the person log in again',
    'an access token that ends in the middle of a form is renewed, and the form is taken',
    'a logout ends the login at the issuer too, and the back button shows nothing',
    'a logout everywhere ends the session of another browser',
    'a logout at the issuer ends the session here'
  ])
})
