// The pages under /app, without a browser: what they refuse, and what they pass on.
import { memorySessionStore } from '@sallyport/authentication/session-stores'
import t from 'tap'
import { WEB_CLIENT_TEXTS } from '../../reference-gateway/src/web-client/texts.ts'
import { browser, type Browser } from '../support/browser.ts'
import { accessToken, startEdge } from '../support/edge.ts'
import { pageWordMistakes } from '../support/page-words.ts'

const FROM_PAGE = {
  host: '127.0.0.1',
  accept: 'text/html',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document'
}
const CREDENTIALS = { username: 'customer1', password: 'pass' }
const EVIL = '"><script>alert(1)</script>'
const ORDER = {
  orderId: 'order-1',
  state: 'APPROVED',
  totalCents: 1450,
  deliveryAddress: EVIL,
  lines: [{ name: EVIL, quantity: 1 }]
}

/** What the services answer, by method and path. */
type Answers = Record<string, { status?: number; body: unknown }>

t.test('the pages of the web client', async t => {
  const token = await accessToken()
  const edge = await startEdge(t, {
    settings: { webClient: true },
    tokenClient: {
      password: async ({ password }) => {
        if (password !== CREDENTIALS.password) {
          throw Object.assign(new Error('no'), { code: 'SALLYPORT_TOKEN_REJECTED' })
        }
        return { accessToken: token, refreshToken: 'r', expiresInSeconds: 300, scope: null }
      }
    }
  })

  /** A browser that is not logged in, and services that answer as they should. */
  function startVisit(): { visitor: Browser; answers: Answers } {
    const answers: Answers = {
      'GET /restaurants': { body: { restaurants: [{ restaurantId: 'place', name: EVIL }] } },
      'GET /restaurants/place/menu': { body: { items: [{ menuItemId: 'dish', name: EVIL, priceCents: 1450 }] } },
      'GET /orders': { body: { orders: [ORDER] } },
      'GET /orders/order-1': { body: ORDER },
      'POST /orders': { status: 201, body: ORDER },
      'POST /orders/order-1/cancel': { body: { ...ORDER, state: 'CANCELLED' } }
    }
    edge.orders.received.length = 0
    edge.orders.answer = ({ method, url }, reply) => {
      const { status = 200, body } = answers[`${method} ${url}`] ?? { status: 404, body: {} }
      return reply.code(status).send(body)
    }
    const visitor = browser(edge.app)
    visitor.headers = FROM_PAGE
    return { visitor, answers }
  }

  const loggedIn = async (visitor: Browser): Promise<void> => {
    const answer = await visitor.post('/app/login', CREDENTIALS)
    if (answer.headers.location !== '/app/orders') throw new Error(answer.body)
  }

  await t.test('a customer logs in, orders once however often the form is sent, and cancels', async t => {
    const { visitor } = startVisit()
    t.match((await visitor.get('/app')).body, 'Log in to order food.')
    await loggedIn(visitor)
    t.equal((await visitor.get('/app')).headers.location, '/app/orders')
    const menu = await visitor.get('/app/restaurants/place')
    const fields = { 'quantity.dish': '2', address: '1 Harbour Street' }
    t.equal((await visitor.submit(menu, fields)).headers.location, '/app/orders/order-1')
    t.equal((await visitor.submit(menu, fields)).headers.location, '/app/orders/order-1')
    const placed = edge.orders.received.filter(({ method }) => method === 'POST')
    t.equal(placed[0]?.headers['idempotency-key'], placed[1]?.headers['idempotency-key'])
    t.equal(placed[0]?.headers.authorization, 'Bearer token-for-order-service')
    t.same(JSON.parse(placed[0]?.body ?? ''), {
      restaurantId: 'place',
      lines: [{ menuItemId: 'dish', quantity: 2 }],
      deliveryAddress: '1 Harbour Street'
    })
    t.equal((await visitor.post('/app/orders/order-1/cancel', {})).headers.location, '/app/orders/order-1')
  })

  await t.test('what services answer is text on a page, and no script but that of the order runs', async t => {
    const { visitor } = startVisit()
    await loggedIn(visitor)
    for (const path of ['/app/orders', '/app/restaurants/place', '/app/orders/order-1']) {
      const page = await visitor.get(path)
      t.equal(page.statusCode, 200)
      t.notMatch(page.body, '<script>', path)
      t.match(page.body, '&lt;script&gt;')
      t.match(page.headers['content-security-policy'], "default-src 'none'")
      const scripts = path.endsWith('order-1')
      t.equal(String(page.headers['content-security-policy']).includes("script-src 'self';"), scripts)
    }
    const refused = await visitor.post('/app/login', { username: EVIL, password: 'wrong' })
    t.notMatch(refused.body, '<script>')
  })

  await t.test('a form of another site neither logs in nor orders nor ends a session', async t => {
    const { visitor } = startVisit()
    const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
    const post = async (url: string, form: Record<string, string>, cookies: ReadonlyMap<string, string>) =>
      await edge.app.inject({
        method: 'POST',
        url,
        headers: {
          ...FROM_PAGE,
          ...foreign,
          'content-type': 'application/x-www-form-urlencoded',
          cookie: [...cookies].map(pair => pair.join('=')).join('; ')
        },
        payload: new URLSearchParams(form).toString()
      })
    const login = await post('/app/login', CREDENTIALS, new Map())
    t.equal(login.statusCode, 403)
    t.same(login.cookies, [])
    await loggedIn(visitor)
    const before = edge.orders.received.length
    const order = { restaurantId: 'place', key: 'key', 'quantity.dish': '1', address: 'x' }
    for (const [url, form] of [
      ['/app/orders', order],
      ['/app/orders/order-1/cancel', {}]
    ] as const) {
      const answer = await post(url, form, visitor.cookies)
      t.equal(answer.statusCode, 403, url)
      t.match(answer.body, 'The request was refused.')
    }
    t.equal(edge.orders.received.length, before, 'no service heard of it')
  })

  await t.test('a credential that is no session is not taken for one', async t => {
    const authorization = `Bearer ${await accessToken()}`
    const answer = await edge.app.inject({ url: '/app/orders', headers: { ...FROM_PAGE, authorization } })
    t.equal(answer.statusCode, 401)
    t.equal(answer.headers['www-authenticate'], undefined, 'no dialog for a password')
  })

  await t.test('what is wrong with a form is told on it, and what was typed stays', async t => {
    const { visitor } = startVisit()
    const wrong = await visitor.post('/app/login', { ...CREDENTIALS, password: 'wrong' })
    t.equal(wrong.statusCode, 401)
    t.match(wrong.body, /value="customer1"[^>]* autofocus aria-invalid="true" aria-describedby="problem"/)
    t.equal(visitor.cookies.size, 0)
    t.equal((await visitor.post('/app/login', {})).statusCode, 401)
    await loggedIn(visitor)
    const menu = await visitor.get('/app/restaurants/place')
    const before = edge.orders.received.filter(({ method }) => method === 'POST').length
    const nothing = await visitor.submit(menu, { 'quantity.dish': '0', address: '1 Harbour Street' })
    t.equal(nothing.statusCode, 400)
    t.match(nothing.body, 'Choose at least one dish.')
    t.match(nothing.body, 'value="1 Harbour Street"')
    const nowhere = await visitor.submit(menu, { 'quantity.dish': '3', address: ' ' })
    t.match(nowhere.body, 'Enter where the food goes')
    t.match(nowhere.body, 'value="3"')
    t.equal(edge.orders.received.filter(({ method }) => method === 'POST').length, before)
  })

  await t.test('what the gateway refuses becomes a page with a way back', async t => {
    const { visitor, answers } = startVisit()
    await loggedIn(visitor)
    for (const [status, text] of [
      [404, 'That does not exist, or is not yours.'],
      [409, 'That cannot be done any more.'],
      [503, 'Something is not available']
    ] as const) {
      answers['GET /orders/order-1'] = { status, body: { code: 'INNER_CODE' } }
      const page = await visitor.get('/app/orders/order-1')
      t.equal(page.statusCode, status)
      t.match(page.body, text)
      t.match(page.body, 'href="/app/orders"')
      t.notMatch(page.body, 'INNER_CODE')
    }
    answers['GET /orders'] = { status: 403, body: {} }
    t.match((await visitor.get('/app/orders')).body, 'This account places no orders')
    visitor.cookies.clear()
    const out = await visitor.post('/app/orders/order-1/cancel', {})
    t.equal(out.statusCode, 401)
    t.match(out.body, 'Nothing was sent.')
    t.match(out.body, 'href="/app"')
  })

  await t.test('an order’s events tell each state once, and end with the last one', async t => {
    const { visitor, answers } = startVisit()
    await loggedIn(visitor)
    let asked = 0
    const { answer } = edge.orders
    edge.orders.answer = (request, reply) => {
      if (request.url === '/orders/order-1' && ++asked === 3) {
        answers['GET /orders/order-1'] = { body: { ...ORDER, state: 'CANCELLED' } }
      }
      return answer(request, reply)
    }
    const { headers, body } = await visitor.get('/app/orders/order-1/events')
    t.equal(headers['content-type'], 'text/event-stream')
    const states = [...body.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data) as object)
    t.match(states, [
      { state: 'APPROVED', isFinal: false },
      { state: 'CANCELLED', text: 'Cancelled', isFinal: true }
    ])
    answers['GET /orders/order-1'] = { status: 404, body: {} }
    t.equal((await visitor.get('/app/orders/order-1/events')).body, '', 'nothing of an order of somebody else')
  })

  await t.test('the pages are in Korean for whoever reads it', async t => {
    t.same(pageWordMistakes(WEB_CLIENT_TEXTS), [])
    const { visitor } = startVisit()
    visitor.headers = { ...FROM_PAGE, 'accept-language': 'ko-KR,ko;q=0.9,en;q=0.8' }
    const page = await visitor.get('/app')
    t.match(page.body, '<html lang="ko">')
    t.match(page.body, '음식을 주문하려면 로그인하세요.')
  })
})

t.test('whoever has a session in a store is led on from the landing page', async t => {
  const token = await accessToken()
  const edge = await startEdge(t, {
    settings: { webClient: true, sessionStore: 'postgres' },
    tokenClient: {
      password: async () => ({ accessToken: token, refreshToken: 'r', expiresInSeconds: 300, scope: null })
    },
    collaborators: { sessionStore: memorySessionStore() }
  })
  const visitor = browser(edge.app)
  visitor.headers = FROM_PAGE
  t.equal((await visitor.get('/app')).statusCode, 200)
  t.equal((await visitor.post('/app/login', CREDENTIALS)).headers.location, '/app/orders')
  t.equal((await visitor.get('/app')).headers.location, '/app/orders')
})
