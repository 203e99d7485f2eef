// Pages in the language of whoever reads them, and the applications that a user has allowed something.
import { languagesOf, pageLanguage } from '@sallyport/security-context/pages'
import t from 'tap'
import { PAGE_TEXTS } from '../../auth-server/src/http/pages/page-texts.ts'
import { introspect, startServer, type TestServer } from '../support/authorization-server.ts'
import { authorizeUrl, browser, credentialsOf, pkce, requestOf } from '../support/browser.ts'
import { pageWordMistakes } from '../support/page-words.ts'
import { codeFlow } from './support/code-flow.ts'

async function isActive({ app }: TestServer, accessToken = ''): Promise<boolean> {
  return (await introspect(app, accessToken))['active'] === true
}

const APPLICATIONS = '/account/applications'

t.test(
  'the first language that pages are written in counts: that of the application, then those of the browser',
  async t => {
    const chosen = (uiLocales: string | null, accepted?: string): string =>
      pageLanguage(languagesOf(uiLocales, accepted))
    t.equal(chosen(null), 'en')
    t.equal(chosen(null, 'ko-KR,ko;q=0.9,en;q=0.8'), 'ko')
    t.equal(chosen(null, 'en;q=0.1,ko;q=0.2'), 'ko')
    t.equal(chosen(null, 'fr, ko;q=0'), 'en')
    t.equal(chosen('fr KO', 'en'), 'ko')
    t.equal(chosen('en', 'ko'), 'en')
    for (const strange of ['__proto__', 'constructor', '"><script>', 'kok']) t.equal(chosen(strange), 'en', strange)
  }
)

t.test('every language has every word, each of its own, with the same names in it', async t => {
  t.same(pageWordMistakes(PAGE_TEXTS), [])
})

t.test('the pages of a login are in Korean for whoever reads it, with titles, errors and scopes', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  user.headers = { 'accept-language': 'ko-KR,ko;q=0.9' }
  const login = await user.get(authorizeUrl(requestOf(pkce().challenge, { scope: 'openid orders:read' })))
  t.match(login.body, '<html lang="ko">')
  t.match(login.body, '<title>로그인</title>')
  const wrong = await user.submit(login, { username: 'customer1', password: 'wrong' })
  t.match(wrong.body, /<p role="alert" id="problem">사용자 이름 또는 비밀번호가 올바르지 않습니다\.<\/p>/)
  t.match(wrong.body, /autofocus aria-invalid="true" aria-describedby="problem"/)
  const consent = await user.submit(wrong, credentialsOf('customer1'))
  t.match(consent.body, '접근을 허용할까요?')
  t.match(consent.body, '<span lang="ko">회원님이 누구인지 확인</span>')
  const english = browser(app)
  const asked = requestOf(pkce().challenge, { ui_locales: 'ko' })
  t.match((await english.get(authorizeUrl(asked))).body, '<title>로그인</title>', 'as the application asks')
  const failed = await user.get('/oauth2/authorize?client_id=nobody')
  t.match(failed.body, '<title>처리하지 못했습니다</title>')
  t.match(failed.body, '<p role="alert" lang="en">')
  t.match((await user.get('/oauth2/end-session?ui_locales=en')).body, 'Log out?')
  t.match((await user.get('/oauth2/end-session')).body, '로그아웃할까요?')
  const weak = await user.submit(await user.get('/account/password'), {
    current: credentialsOf('customer1')['password'] ?? '',
    wanted: 'short',
    repeated: 'short'
  })
  t.match(weak.body, '다른 비밀번호를 선택하세요. 12자보다 짧습니다.')
  t.match(weak.body, /id="wanted"[^>]* autofocus aria-invalid="true" aria-describedby="problem rules"/)
})

t.test(
  'a user sees what they have allowed, and takes it back: sessions end, and the next request asks again',
  async t => {
    const server = await startServer(t)
    const { app, db } = server
    t.equal((await browser(app).get(APPLICATIONS)).statusCode, 403, 'nobody is logged in')
    const { user, tokens } = await codeFlow(app)
    const other = await codeFlow(app)
    const page = await user.get(APPLICATIONS)
    t.match(page.body, 'web-app')
    t.match(page.body, '<code>orders:read</code>')
    t.equal(await isActive(server, tokens.access_token), true)

    const forged = await user.post(APPLICATIONS, { client_id: 'web-app', csrf: 'made up' })
    t.equal(forged.statusCode, 400)
    t.equal(await isActive(server, tokens.access_token), true, 'a forged form takes nothing back')

    const done = await user.submit(page, {})
    t.equal(done.statusCode, 200)
    t.match(done.body, 'is not allowed anything any more')
    t.match(done.body, 'You have allowed no application anything.')
    for (const { access_token: token } of [tokens, other.tokens]) {
      t.equal(await isActive(server, token), false)
    }
    t.match((await user.get(authorizeUrl(requestOf(pkce().challenge)))).body, 'Allow access?')
    t.equal((await user.submit(page, {})).statusCode, 200, 'twice is no mistake')
    const rows = await db('audit_events').where({ action: 'consent.withdraw' }).orderBy('transaction_id')
    t.match(
      rows.map(({ outcome, resource_id: id }) => [outcome, id]),
      [
        ['denied', null],
        ['success', 'web-app'],
        ['success', 'web-app']
      ]
    )
    user.cookies.delete('__Host-sallyport_sign_in')
    t.equal((await user.submit(page, {})).statusCode, 403)
  }
)
