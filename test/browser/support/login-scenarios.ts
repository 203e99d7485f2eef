// What a person does at a gateway that logs people in at an issuer, whichever that is.
import type { BrowserContext, Page } from 'playwright-core'
import type { Test } from 'tap'
import { pageMistakes } from './accessible.ts'
import type { Chromium } from './chromium.ts'
import { follow, PHONE, shownJson, shownText } from './person.ts'
import type { TriedIssuer } from './tried-issuer.ts'

type Play = (t: Test, at: TriedIssuer, asPerson: Chromium['asPerson']) => Promise<void>

/** The scenarios by their titles. */
const LOGIN_SCENARIOS = {
  async 'a page leads to the login and back, with JavaScript and without'(t, at, asPerson) {
    for (const javaScriptEnabled of [true, false]) {
      await asPerson({ javaScriptEnabled, viewport: PHONE }, async page => {
        await page.goto(`${at.gateway}/orders`)
        t.ok(page.url().startsWith(at.issuer), page.url())
        await at.signIn(page)
        t.equal(page.url(), `${at.gateway}/orders`)
        t.match(await shownJson(page), { orders: [] })
        await page.goto(`${at.gateway}/session`)
        t.match(await shownText(page), 'Logged in by')
        if (javaScriptEnabled) t.strictSame(await pageMistakes(page), [])
      })
    }
  },

  async 'several tabs log in beside each other, and each comes back to its own page'(t, at, asPerson) {
    await asPerson({}, async (first, context) => {
      const second = await context.newPage()
      await first.goto(`${at.gateway}/orders`)
      await second.goto(`${at.gateway}/restaurants`)
      await at.signIn(second)
      t.equal(second.url(), `${at.gateway}/restaurants`)
      await at.signIn(first)
      t.equal(first.url(), `${at.gateway}/orders`)
      t.match(await shownJson(first), { orders: [] })
    })
  },

  async 'a page that asks for a recent login has the person log in again'(t, at, asPerson) {
    await asPerson({}, async page => {
      await page.goto(`${at.gateway}/restaurants`)
      await at.signInLongAgo(page)
      await page.goto(`${at.gateway}/recent-orders`)
      t.ok(page.url().startsWith(at.issuer), page.url())
      await at.signIn(page)
      t.equal(page.url(), `${at.gateway}/recent-orders`)
    })
  },

  async 'a page that asks for a stronger login is reached with one, and with no other'(t, at, asPerson) {
    await asPerson({ viewport: PHONE }, async page => {
      await page.goto(`${at.gateway}/restaurants`)
      await at.signIn(page)
      await page.goto(`${at.gateway}/strong-orders`)
      t.equal(page.url().split('?')[0], `${at.gateway}/login/callback`, 'the issuer answered with the login it knows')
      t.match(await shownText(page), 'needs a stronger or a more recent login')
      t.strictSame(await pageMistakes(page), [])
      await follow(page, 'a[href^="/login?"]')
      await at.signInStrongly(page)
      t.equal(page.url(), `${at.gateway}/strong-orders`)
    })
  },

  async 'an access token that ends in the middle of a form is renewed, and the form is taken'(t, at, asPerson) {
    await asPerson({ viewport: PHONE }, async (page, context) => {
      await logInAtApp(page, at)
      await follow(page, 'a[href^="/app/restaurants/"]')
      await page.fill('#address', '1 Harbour Street')
      await page.fill('#dish0', '2')
      await at.endAccess(page)
      await follow(page, 'button[type=submit]')
      t.match(page.url(), `${at.gateway}/app/orders/`)
      t.ok(await at.isRenewed(context), 'there is a new one')
      t.strictSame(await pageMistakes(page), [])
    })
  },

  async 'a logout ends the login at the issuer too, and the back button shows nothing'(t, at, asPerson) {
    await asPerson({ viewport: PHONE }, async (page, context) => {
      await logInAtApp(page, at)
      const leave = async (): Promise<void> => await follow(page, 'form[action="/logout"] button')
      t.ok(await leadsToIssuer(page, at, leave), 'by way of the issuer')
      if (page.url().startsWith(at.issuer)) await at.confirmLogout(page)
      t.equal(page.url(), `${at.gateway}/app`)
      t.strictSame(await sessionCookies(context), [])
      for (let back = 0; back < 2; back++) await page.goBack()
      t.notMatch(page.url(), `${at.gateway}/app/orders`, 'what was shown is not shown again')
      await page.goto(`${at.gateway}/app/orders`)
      t.ok(await at.asksWhoThisIs(page), 'nobody is logged in any more')
    })
  },

  async 'a logout everywhere ends the session of another browser'(t, at, asPerson) {
    await asPerson({ viewport: PHONE }, async page => {
      await logInAtApp(page, at)
      await asPerson({ viewport: PHONE }, async elsewhere => {
        await logInAtApp(elsewhere, at)
        await follow(elsewhere, 'a[href="/sessions"]')
        t.strictSame(await pageMistakes(elsewhere), [])
        await follow(elsewhere, 'form:has(input[name=all]) button')
        t.equal(await elsewhere.title(), 'Logged out')
        await elsewhere.goto(`${at.gateway}/app`)
        t.equal(elsewhere.url(), `${at.gateway}/app`, 'this browser is logged out')
      })
      await untilItAsksIssuer(page, at)
    })
  },

  async 'a logout at the issuer ends the session here'(t, at, asPerson) {
    await asPerson({}, async (page, context) => {
      await logInAtApp(page, at)
      t.notOk(await asksIssuer(page, at), 'the session is good')
      await at.logOutAtIssuer(await context.newPage())
      await untilItAsksIssuer(page, at)
      t.ok(await at.asksWhoThisIs(page))
    })
  },

  async 'an address that is no login ends with a page and a way back'(t, at, asPerson) {
    await asPerson({ viewport: PHONE }, async page => {
      for (const address of [
        '/login/callback?code=x&state=made-up',
        '/login/callback',
        '/login?returnTo=//evil.example'
      ]) {
        const answer = await page.goto(`${at.gateway}${address}`)
        t.equal(answer?.status(), 400, address)
        t.match(await shownText(page), /SALLYPORT_AUTHENTICATION_(?:LOGIN_REFUSED|RETURN_PATH_INVALID)/)
        t.strictSame(await pageMistakes(page), [])
        await follow(page, 'a[href^="/login"]')
        t.ok(page.url().startsWith(at.issuer), page.url())
      }
    })
  },

  async 'the pages are in Korean for whoever reads it'(t, at, asPerson) {
    await asPerson({ viewport: PHONE, locale: 'ko-KR' }, async page => {
      await logInAtApp(page, at)
      for (const [address, title] of [
        ['/session', '내 세션'],
        ['/sessions', '내 세션 목록'],
        ['/login/callback', '로그인되지 않았습니다']
      ] as const) {
        await page.goto(`${at.gateway}${address}`)
        t.equal(await page.title(), title)
        t.equal(await page.getAttribute('html', 'lang'), 'ko')
        t.strictSame(await pageMistakes(page), [])
      }
    })
  },

  async 'no script sees the cookies of a session'(t, at, asPerson) {
    await asPerson({}, async (page, context) => {
      await page.goto(`${at.gateway}/orders`)
      await at.signIn(page)
      t.equal(await page.evaluate('document.cookie'), '')
      const cookies = await context.cookies(at.gateway)
      t.ok((await sessionCookies(context)).length > 0)
      for (const { httpOnly, secure, sameSite, path, name } of cookies) {
        t.match({ name, httpOnly, secure, path }, { name: /^__Host-/, httpOnly: true, secure: true, path: '/' })
        t.not(sameSite, 'None')
      }
    })
  }
} satisfies Record<string, Play>

/** The title of a scenario. */
export type LoginScenario = keyof typeof LOGIN_SCENARIOS

/** Plays every scenario that this issuer can be tried with; the others are skipped and say why. */
export async function playLoginScenarios(
  t: Test,
  at: TriedIssuer,
  { asPerson }: Pick<Chromium, 'asPerson'>,
  chosen = Object.keys(LOGIN_SCENARIOS) as readonly LoginScenario[]
): Promise<void> {
  const unknown = Object.keys(at.without).filter(title => !Object.hasOwn(LOGIN_SCENARIOS, title))
  if (unknown.length > 0) throw new Error(`there is no scenario ${unknown.join(', ')}`)
  for (const title of chosen) {
    const reason = at.without[title]
    await t.test(
      reason === undefined ? title : `${title} (not here: ${reason})`,
      { skip: reason ?? false },
      async t => {
        await LOGIN_SCENARIOS[title](t, at, asPerson)
      }
    )
  }
}

/** From the landing page of the web client to its orders. */
async function logInAtApp(page: Page, at: TriedIssuer): Promise<void> {
  await page.goto(`${at.gateway}/app`)
  await follow(page, 'a[href^="/login?"]')
  if (page.url().startsWith(at.issuer)) await at.signIn(page)
}

const sessionCookies = async (context: BrowserContext): Promise<string[]> =>
  (await context.cookies()).map(({ name }) => name).filter(name => name.includes('sallyport-'))

/** Whether the browser is at the issuer on its way, however short. */
async function leadsToIssuer(page: Page, at: TriedIssuer, act: () => Promise<unknown>): Promise<boolean> {
  let isLed = false
  const watch = (request: { readonly url: () => string }): void => {
    isLed ||= request.url().startsWith(at.issuer)
  }
  page.on('request', watch)
  await act()
  page.off('request', watch)
  return isLed
}

/** Whether the orders are no longer shown without the issuer. */
async function asksIssuer(page: Page, at: TriedIssuer): Promise<boolean> {
  return await leadsToIssuer(page, at, async () => await page.goto(`${at.gateway}/app/orders`))
}

async function untilItAsksIssuer(page: Page, at: TriedIssuer): Promise<void> {
  while (!(await asksIssuer(page, at)));
}
