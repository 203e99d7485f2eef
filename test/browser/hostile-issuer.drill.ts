// A person's browser at an app whose issuer is hostile: whatever it answers ends with a page that says so by a stable
// code, with no session, and with a way back that leads to a login.
import { createJwksKeySource } from '@sallyport/authentication'
import type { AddressInfo } from 'node:net'
import type { BrowserContext, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { Agent } from 'undici'
import { ANSWER_ATTACKS, ID_TOKEN_ATTACKS } from '../support/login-attacks.ts'
import { buildLoginApp, type IssuerTricks, type LoginApp, type LoginAppOptions } from '../support/login-app.ts'
import { certificateFiles, makeAuthority } from '../support/certificates.ts'
import { pageMistakes } from './support/accessible.ts'
import { missingChromium, startChromium } from './support/chromium.ts'
import { follow, PHONE, shownJson, shownText } from './support/person.ts'

/** Each login counts for its source. */
const A_MINUTE_MS = 60_000
/** Long enough for an honest answer on a busy machine. */
const SHORT_MS = 1500
const REFUSED = 'SALLYPORT_AUTHENTICATION_LOGIN_REFUSED'
type Answer = NonNullable<IssuerTricks['answer']>

/** What a document can be in place of one: none of them has an end that is worth waiting for. */
const BAD_DOCUMENTS: Readonly<Record<string, (response: Parameters<Answer>[1]) => void>> = {
  silent: () => {},
  'without an end': response => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const pour = (): void => {
      while (!response.destroyed && response.write('x'.repeat(16_384)));
      if (!response.destroyed) response.once('drain', pour)
    }
    pour()
  },
  'of other text': response => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('<html>')
  }
}

/** What browsers and servers may read differently. */
const RETURN_PATHS = [
  '//elsewhere.example',
  '///elsewhere.example',
  '/\\elsewhere.example',
  '/\t/elsewhere.example',
  'https:elsewhere.example',
  'https://elsewhere.example',
  'javascript:alert(1)',
  '/..//elsewhere.example',
  '/.//elsewhere.example',
  '/%2e%2e//elsewhere.example',
  '/%5celsewhere.example',
  '/@elsewhere.example',
  '/%0d%0alocation:%20https://elsewhere.example'
]

/** One for each reason, and all tricks with algorithms; the tests of the routes go through all of them. */
const TRIED_ID_TOKENS = Object.entries(ID_TOKEN_ATTACKS).filter(
  ([, { reason }], at, all) =>
    reason === 'id-token-algorithm' || all.findIndex(([, earlier]) => earlier.reason === reason) === at
)

t.test('a browser at an app whose issuer is hostile', { skip: missingChromium() }, async t => {
  const authority = await makeAuthority()
  const certificate = await authority.issue({ names: ['localhost', '127.0.0.1'] })
  const dispatcher = new Agent({ connect: { ca: authority.certificate } })
  t.teardown(() => dispatcher.destroy())
  const { asPerson } = await startChromium(t, certificateFiles(t, certificate).caPath)

  async function startHostile(t: Test, options: LoginAppOptions = {}): Promise<{ login: LoginApp; app: string }> {
    const login = await buildLoginApp(t, { certificate, ...options, client: { dispatcher, ...options.client } })
    await login.app.listen({ port: 0, host: '127.0.0.1' })
    return { login, app: `https://127.0.0.1:${(login.app.server.address() as AddressInfo).port}` }
  }

  const named = { metadata: { authorization_response_iss_parameter_supported: true } }
  const { login, app } = await startHostile(t, named)

  /** The login has failed: what the person sees then, and that the way back leads to a login. */
  async function isOverWithPage(
    t: Test,
    page: Page,
    { at = { login, app }, status = 400, code = REFUSED, reason, honest = {} }: Expected
  ): Promise<void> {
    t.ok(page.url().startsWith(`${at.app}/login`), page.url())
    t.equal(await page.title(), 'You are not logged in')
    t.match(await shownText(page), code)
    t.match(at.login.reasons(), [`session/${status === 400 ? 'denied' : 'failure'}/${reason}`])
    t.strictSame(await cookieNames(page.context()), [])
    at.login.issuer.tricks = honest
    at.login.clock.ms += A_MINUTE_MS
    await follow(page, 'a[href^="/login?"]')
    t.equal(page.url(), `${at.app}/orders`)
    t.match(await shownJson(page), { subject: 'subject-1' })
    at.login.reasons()
  }

  for (const [name, { reason, tricks, path = '/login' }] of TRIED_ID_TOKENS) {
    await t.test(`an id_token with ${name} logs nobody in`, async t => {
      await asPerson({ viewport: PHONE }, async page => {
        login.issuer.tricks = await tricks(login)
        const wishes = path.split('?')[1] ?? ''
        await page.goto(`${app}/login?returnTo=/orders&${wishes}`)
        if (name === 'another issuer') t.strictSame(await pageMistakes(page), [])
        // Where more was asked for, the honest login has to give it.
        const acr = new URLSearchParams(wishes).get('acr_values')?.split(' ')[0]
        await isOverWithPage(t, page, { reason, honest: acr === undefined ? {} : { idClaims: { acr } } })
      })
    })
  }

  for (const [name, { reason, answer }] of Object.entries(ANSWER_ATTACKS)) {
    await t.test(`an answer with ${name} logs nobody in`, async t => {
      await asPerson({}, async page => {
        login.issuer.tricks = { answerBack: answer }
        await page.goto(`${app}/login?returnTo=/orders`)
        await isOverWithPage(t, page, { reason })
      })
    })
  }

  await t.test('an error with a script in it is told in words of the app', async t => {
    await asPerson({}, async page => {
      const script = '"><script>document.title = "theirs"</script>'
      login.issuer.tricks = { answerBack: { code: null, error: script, error_description: script, error_uri: script } }
      await page.goto(`${app}/login?returnTo=/orders`)
      t.notMatch(await page.content(), 'theirs')
      await isOverWithPage(t, page, { reason: 'login-refused-by-issuer' })
    })
  })

  await t.test('a code that was used, and one of another login, log nobody in', async t => {
    for (const swapped of ['used', 'of another login'] as const) {
      await asPerson({}, async page => {
        const begun = await login.app.inject({ url: '/login', headers: { host: new URL(app).host } })
        const answer = login.issuer.authorize(String(begun.headers.location))
        const code = new URLSearchParams(answer.split('?')[1]).get('code')
        const cookie = begun.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
        if (swapped === 'used') await login.app.inject({ url: answer, headers: { host: new URL(app).host, cookie } })
        login.reasons()
        login.issuer.tricks = { answerBack: { code } }
        await page.goto(`${app}/login?returnTo=/orders`)
        await isOverWithPage(t, page, { reason: 'login-code-rejected' })
      })
    }
  })

  await t.test(
    'answers to two tabs that are mixed up log nobody in, and neither does one for another browser',
    async t => {
      await asPerson({}, async (page, context) => {
        const begin = async (): Promise<URL> => {
          const tab = await context.newPage()
          const [request] = await Promise.all([
            tab.waitForRequest(`${login.issuer.origin}/authorize**`),
            tab.goto(`${app}/login?returnTo=/orders`)
          ])
          await tab.close()
          return new URL(request.url())
        }
        login.issuer.tricks = { answer: ({ path }, response) => path.startsWith('/authorize') && isEnded(response) }
        const [one, other] = [await begin(), await begin()]
        login.reasons()
        const mixed = login.issuer.authorize(one.href, { state: other.searchParams.get('state') })
        await page.goto(`${app}${mixed}`)
        await context.clearCookies({ name: /-login-/ })
        await isOverWithPage(t, page, { reason: 'login-code-rejected' })
        await asPerson({}, async stranger => {
          await stranger.goto(`${app}${login.issuer.authorize(other.href)}`)
          t.strictSame(await cookieNames(stranger.context()), [])
          t.match(await shownText(stranger), 'begun in another browser')
          t.match(login.reasons(), ['session/denied/login-not-begun-here'])
        })
      })
    }
  )

  await t.test('however a path to return to is spelt, the browser stays here', async t => {
    for (const returnTo of RETURN_PATHS) {
      await asPerson({}, async page => {
        login.clock.ms += A_MINUTE_MS
        const answer = await page.goto(`${app}/login?returnTo=${encodeURIComponent(returnTo)}`)
        t.equal(new URL(page.url()).origin, app, returnTo)
        t.ok([400, 404].includes(answer?.status() ?? 0), `${returnTo}: ${answer?.status()}`)
      })
    }
    login.reasons()
  })

  await t.test('cookies that somebody else put there log nobody in, and no login out of reach', async t => {
    await asPerson({}, async (page, context) => {
      login.clock.ms += A_MINUTE_MS
      await page.goto(`${app}/login?returnTo=/orders`)
      const made = (await context.cookies()).map(({ name }) => ({ name, value: 'made-up', url: app, secure: true }))
      await context.addCookies(made)
      await page.goto(`${app}/orders`)
      t.equal(page.url(), `${app}/orders`)
      t.match(await shownJson(page), { subject: 'subject-1' }, 'by way of the login')
      t.match(login.reasons(), ['session/success/login-succeeded'])
    })
  })

  for (const document of ['/.well-known/', '/jwks', '/token']) {
    for (const [how, answerBadly] of Object.entries(BAD_DOCUMENTS)) {
      await t.test(`${document} that is ${how} is an outage, and over when the issuer is good again`, async t => {
        const at = await startHostile(t, {
          client: { timeoutMs: SHORT_MS },
          discoveryTimeoutMs: SHORT_MS,
          // Looks for keys when a login needs one, and not in between.
          keys: (issuer, clock) =>
            createJwksKeySource({
              jwksUri: `${issuer}/jwks`,
              dispatcher,
              clock,
              timeoutMs: SHORT_MS,
              startTimer: () => ({ stop: () => {} }),
              log: () => {}
            })
        })
        at.login.issuer.tricks = {
          answer: ({ path }, response) => {
            if (!path.startsWith(document)) return false
            answerBadly(response)
            return true
          }
        }
        await asPerson({}, async page => {
          const answer = await page.goto(`${at.app}/login?returnTo=/orders`)
          t.equal(answer?.status(), 503)
          t.match(answer?.headers()['retry-after'], /^\d+$/)
          const code = /SALLYPORT_AUTHENTICATION_(?:SERVER|KEYS)_UNAVAILABLE/
          await isOverWithPage(t, page, { at, status: 503, code, reason: 'login-unavailable' })
        })
      })
    }
  }
})

/** How a login is expected to end. */
interface Expected {
  readonly at?: { readonly login: LoginApp; readonly app: string }
  readonly status?: 400 | 503
  readonly code?: string | RegExp
  /** What the trail says of it. */
  readonly reason: string
  /** What the issuer does at the login after it. */
  readonly honest?: IssuerTricks
}

const cookieNames = async (context: BrowserContext): Promise<string[]> =>
  (await context.cookies()).map(({ name }) => name)

function isEnded(response: Parameters<Answer>[1]): boolean {
  response.end()
  return true
}
