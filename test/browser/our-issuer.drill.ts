// A person's browser at the gateway and the authorization server of the real local stack, over TLS.
import type { Page } from 'playwright-core'
import t from 'tap'
import { accessibilityMistakes, isWiderThanScreen } from './support/accessible.ts'
import { missingChromium, startChromium } from './support/chromium.ts'
import { startLocalStack } from './support/local-stack.ts'
import { demoAccount, follow, type Account, loseAccessToken, shownJson, signIn } from './support/person.ts'

const PHONE = { width: 360, height: 640 }

t.test('a browser at the local stack', { skip: missingChromium() }, async t => {
  const stack = await startLocalStack(t)
  const { gateway, issuer } = stack
  const customer = demoAccount(stack, 'customer1')
  const { asPerson } = await startChromium(t, stack.caFile)

  await t.test('an authority that nobody trusts is met with a warning and not with the page', async t => {
    const stranger = await startChromium(t, null)
    await stranger.asPerson({}, async page => {
      await t.rejects(page.goto(`${gateway}/orders`), 'ERR_CERT_AUTHORITY_INVALID')
    })
  })

  await t.test('a page leads to the login and back, without JavaScript too (B12, I1)', async t => {
    for (const javaScriptEnabled of [true, false]) {
      await asPerson({ javaScriptEnabled }, async page => {
        await page.goto(`${gateway}/orders`)
        t.match(page.url(), `${issuer}/oauth2/authorize?`)
        await signIn(page, customer)
        t.equal(page.url(), `${gateway}/orders`)
        t.match(await shownJson(page), { orders: [] })
        await page.goto(`${gateway}/session`)
        t.match(await page.textContent('main'), 'customer1')
        if (javaScriptEnabled) t.strictSame(await pageMistakes(page), [])
      })
    }
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

  await t.test('several tabs log in beside each other, and each comes back to its own page', async t => {
    await asPerson({}, async (first, context) => {
      const second = await context.newPage()
      await first.goto(`${gateway}/orders`)
      await second.goto(`${gateway}/restaurants`)
      await signIn(second, customer)
      t.equal(second.url(), `${gateway}/restaurants`)
      await signIn(first, customer)
      t.equal(first.url(), `${gateway}/orders`)
      t.match(await shownJson(first), { orders: [] })
    })
  })

  await t.test('an access token that is gone is renewed within the request (B5)', async t => {
    await asPerson({}, async (page, context) => {
      await page.goto(`${gateway}/orders`)
      await signIn(page, customer)
      await loseAccessToken(page)
      await page.goto(`${gateway}/restaurants`)
      t.equal(page.url(), `${gateway}/restaurants`)
      const names = (await context.cookies()).map(({ name }) => name)
      t.ok(names.includes('__Host-sallyport-access'), 'the answer brought the new one')
    })
  })

  await t.test('a page that asks for a recent login has the person log in again (I3)', async t => {
    await asPerson({}, async page => {
      await page.goto(`${gateway}/recent-orders`)
      await signIn(page, customer)
      t.equal(page.url(), `${gateway}/recent-orders`)
      // Until the login is old.
      while (page.url().startsWith(gateway)) await page.goto(`${gateway}/recent-orders`)
      t.match(page.url(), `${issuer}/oauth2/authorize?`)
      await signIn(page, customer)
      t.equal(page.url(), `${gateway}/recent-orders`)
    })
  })

  await t.test('no script sees the cookies of a session (B1)', async t => {
    await asPerson({}, async (page, context) => {
      await page.goto(`${gateway}/orders`)
      await signIn(page, customer)
      t.equal(await page.evaluate('document.cookie'), '')
      for (const { httpOnly, secure, sameSite, path, name } of await context.cookies()) {
        t.match(
          { name, httpOnly, secure, sameSite, path },
          { name: /^__Host-/, httpOnly: true, secure: true, path: '/' }
        )
        t.not(sameSite, 'None')
      }
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

  await t.test('a session is ended from another browser, and all of them at once', async t => {
    await asPerson({ viewport: PHONE }, async page => {
      await page.goto(`${gateway}/app`)
      await logInAtClient(page, 'here', customer)
      await asPerson({}, async elsewhere => {
        await elsewhere.goto(`${gateway}/app`)
        await logInAtClient(elsewhere, 'at the issuer', customer)
        await follow(elsewhere, 'a[href="/sessions"]')
        t.strictSame(await pageMistakes(elsewhere), [])
        await follow(elsewhere, 'form:has(input[name=all]) button')
        await elsewhere.goto(`${gateway}/app`)
        t.equal(elsewhere.url(), `${gateway}/app`, 'this browser is logged out')
      })
      while (!page.url().startsWith(issuer)) await page.goto(`${gateway}/app/orders`)
      t.match(page.url(), `${issuer}/oauth2/authorize?`, 'and so is the other one')
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

  await t.test('an address that is no login ends with a page and a way back', async t => {
    await asPerson({ viewport: PHONE }, async page => {
      for (const address of [
        '/login/callback?code=x&state=made-up',
        '/login/callback',
        '/login?returnTo=//evil.example'
      ]) {
        const answer = await page.goto(`${gateway}${address}`)
        t.equal(answer?.status(), 400, address)
        t.strictSame(await pageMistakes(page), [])
        await follow(page, 'a[href^="/login"]')
        t.match(page.url(), `${issuer}/oauth2/authorize?`)
      }
    })
  })
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

/** What is wrong with the page that is shown on a narrow screen. */
async function pageMistakes(page: Page): Promise<string[]> {
  const mistakes = await accessibilityMistakes(page)
  return (await isWiderThanScreen(page)) ? [...mistakes, `${page.url()} is wider than the screen`] : mistakes
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
