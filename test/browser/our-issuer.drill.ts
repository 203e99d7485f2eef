// A person's browser at the gateway and the authorization server of the real local stack, over TLS.
import type { Page } from 'playwright-core'
import t from 'tap'
import { pageMistakes } from './support/accessible.ts'
import { missingChromium, startChromium } from './support/chromium.ts'
import { playLoginScenarios } from './support/login-scenarios.ts'
import { startLocalStack, triedLocalStack } from './support/local-stack.ts'
import { demoAccount, follow, type Account, loseAccessToken, PHONE, shownJson, signIn } from './support/person.ts'

t.test('a browser at the local stack', { skip: missingChromium() }, async t => {
  const stack = await startLocalStack(t)
  const { gateway, issuer } = stack
  const customer = demoAccount(stack, 'customer1')
  const chromium = await startChromium(t, stack.caFile)
  const { asPerson } = chromium

  await playLoginScenarios(t, triedLocalStack(stack), chromium)

  await t.test('an authority that nobody trusts is met with a warning and not with the page', async t => {
    const stranger = await startChromium(t, null)
    await stranger.asPerson({}, async page => {
      await t.rejects(page.goto(`${gateway}/orders`), 'ERR_CERT_AUTHORITY_INVALID')
    })
  })

  await t.test('a wrong password is told beside the form, which keeps the name and has the focus', async t => {
    await asPerson({ viewport: PHONE }, async page => {
      await page.goto(`${gateway}/login`)
      t.strictSame(await pageMistakes(page), [])
      await signIn(page, { ...customer, password: 'not the password' })
      t.equal(await page.inputValue('#username'), 'customer1')
      t.ok(await page.isVisible('[role=alert]'))
      const described = await page.evaluate('document.activeElement.getAttribute("aria-describedby")')
      t.equal(described, 'problem')
      t.strictSame(await pageMistakes(page), [])
    })
  })

  await t.test('a sign-in form that is sent twice logs in once', async t => {
    await asPerson({}, async page => {
      await page.goto(`${gateway}/orders`)
      await page.fill('#username', customer.username)
      await page.fill('#password', customer.password)
      await page.dblclick('form[action$="/oauth2/authorize/login"] button[type=submit]')
      await page.waitForURL(`${gateway}/orders`)
      t.match(await shownJson(page), { orders: [] })
    })
  })

  await t.test('another application asks for consent, and the person allows or denies', async t => {
    await asPerson({ viewport: PHONE }, async (page, context) => {
      const answerTo = async (at: Page, selector: string): Promise<string> => {
        const [answer] = await Promise.all([at.waitForRequest('http://127.0.0.1:9090/**'), at.click(selector)])
        return answer.url()
      }
      await page.goto(`${issuer}/oauth2/authorize?${consentRequest()}`)
      await signIn(page, customer)
      t.match(await page.textContent('main'), 'web-app')
      t.strictSame(await pageMistakes(page), [])
      t.match(await answerTo(page, 'button[value=deny]'), 'error=access_denied')
      const again = await context.newPage()
      await again.goto(`${issuer}/oauth2/authorize?${consentRequest()}`)
      t.match(await answerTo(again, 'button[value=allow]'), /\?code=/)
    })
  })

  for (const way of ['here', 'at the issuer'] as const) {
    for (const javaScriptEnabled of [true, false]) {
      const how = `${way}, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`
      await t.test(`a customer logs in ${how}, orders, sees the state and logs out`, async t => {
        await asPerson({ viewport: PHONE, javaScriptEnabled }, async (page, context) => {
          const mistakes = async (): Promise<string[]> => (javaScriptEnabled ? await pageMistakes(page) : [])
          await page.goto(`${gateway}/app`)
          t.strictSame(await mistakes(), [])
          await logInAtClient(page, way, customer)
          t.equal(page.url(), `${gateway}/app/orders`)
          if (way === 'at the issuer') t.match(await page.textContent('main'), 'customer1')
          t.strictSame(await mistakes(), [])

          await follow(page, 'a[href^="/app/restaurants/"]')
          t.strictSame(await mistakes(), [])
          await page.fill('#address', '1 Harbour Street')
          await follow(page, 'button[type=submit]')
          t.match(await page.textContent('[role=alert]'), 'Choose at least one dish')
          t.equal(await page.inputValue('#address'), '1 Harbour Street', 'what was typed stays')
          await page.fill('#dish0', '2')
          // In the middle of the form the access token ends.
          await loseAccessToken(page)
          await follow(page, 'button[type=submit]')
          t.match(page.url(), `${gateway}/app/orders/`)
          t.match(await page.textContent('#state'), 'The restaurant has it')
          t.strictSame(await mistakes(), [])

          if (javaScriptEnabled) {
            const elsewhere = await context.newPage()
            await elsewhere.goto(page.url())
            await follow(elsewhere, 'form[action$="/cancel"] button')
            await page.locator('#state', { hasText: 'Cancelled' }).waitFor()
            t.equal(await page.locator('form[action$="/cancel"]').count(), 0, 'there is nothing to cancel any more')
          } else await follow(page, 'form[action$="/cancel"] button')
          t.match(await page.textContent('#state'), 'Cancelled')
          await follow(page, 'a[href="/app/orders"]')
          await follow(page, 'form[action="/logout"] button')
          if (way === 'at the issuer') {
            t.match(page.url(), `${issuer}/oauth2/end-session?`)
            t.strictSame(await mistakes(), [])
            await follow(page, 'form[action$="/confirm"] button')
          }
          t.equal(page.url(), `${gateway}/app`)
          await page.goto(`${gateway}/app/orders`)
          t.match(page.url(), `${issuer}/oauth2/authorize?`, 'nobody is logged in any more')
        })
      })
    }
  }
})

/** From the landing page of the demo client to its orders. */
async function logInAtClient(page: Page, way: 'here' | 'at the issuer', account: Account): Promise<void> {
  if (way === 'here') {
    await page.fill('#username', account.username)
    await page.fill('#password', account.password)
    await follow(page, 'form[action="/app/login"] button')
  } else {
    await follow(page, 'a[href^="/login?"]')
    await signIn(page, account)
  }
}

const consentRequest = (): string =>
  new URLSearchParams({
    client_id: 'web-app',
    redirect_uri: 'http://127.0.0.1:9090/callback',
    response_type: 'code',
    scope: 'openid profile orders:read',
    state: 'state-1',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256'
  }).toString()
