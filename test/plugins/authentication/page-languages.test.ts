// The pages about logins and sessions in the language of whoever reads them.
import { memorySessionStore } from '@sallyport/authentication/session-stores'
import t from 'tap'
import { AUTHENTICATION_TEXTS } from '../../../plugins/authentication/src/pages/authentication-texts.ts'
import { pageWordMistakes } from '../../support/page-words.ts'
import { buildLoginApp, goThroughLogin, NAVIGATION } from '../../support/login-app.ts'

const KOREAN = { 'accept-language': 'ko-KR,ko;q=0.9,en;q=0.8' }
const SAFARI = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1'

t.test('every language has every word, each of its own', async t => {
  t.same(pageWordMistakes(AUTHENTICATION_TEXTS), [])
})

t.test('a session, the list of sessions and the goodbye are in Korean for whoever reads it', async t => {
  const login = await buildLoginApp(t, { session: { stored: { store: memorySessionStore() } } })
  const browser = login.browser()
  Object.assign(browser.headers, KOREAN, { 'user-agent': SAFARI })
  t.equal((await goThroughLogin(login, browser)).statusCode, 303)
  const session = await browser.get('/session')
  t.match(session.body, '<html lang="ko">')
  t.match(session.body, /<title>내 세션<\/title>[^]*<dt>로그인 방법<\/dt><dd>로그인 페이지<\/dd>/)
  const sessions = await browser.get('/sessions')
  t.match(sessions.body, /<html lang="ko">[^]*<title>내 세션 목록<\/title>[^]*<strong>iPhone의 Safari<\/strong>/)
  const listed = await browser.get('/sessions', { accept: 'application/json' })
  t.match(listed.json(), { sessions: [{ device: 'Safari on iPhone' }] }, 'programs read one language')
  t.match((await browser.get('/sessions', { 'accept-language': 'fr,de;q=0.5' })).body, '<title>Your sessions</title>')
  t.match((await browser.get('/sessions?ui_locales=en')).body, '<title>Your sessions</title>', 'as the query asks')
  const form = { ...NAVIGATION, 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' }
  const ended = await browser.send({ method: 'POST', url: '/sessions/end', headers: form, payload: 'all=yes' })
  t.match(ended.body, /<html lang="ko">[^]*<title>로그아웃되었습니다<\/title>/)
  const loggedOut = await browser.send({ method: 'POST', url: '/logout', headers: form, payload: '' })
  t.match(loggedOut.body, '<title>로그아웃되었습니다</title>')
  t.match((await browser.get('/logout/callback')).body, '<title>로그아웃되었습니다</title>')
})

t.test('a login that fails says so in the language that it was asked for, and so does the way back', async t => {
  const login = await buildLoginApp(t)
  const asked = login.browser()
  const begun = await asked.get('/login?ui_locales=ko&returnTo=/orders')
  const refused = await asked.get(login.issuer.authorize(String(begun.headers.location), { code: 'made up' }))
  t.equal(refused.statusCode, 400)
  t.match(refused.body, '<html lang="ko">')
  t.match(refused.body, '<title>로그인되지 않았습니다</title>')
  t.match(refused.body, '<p role="alert">로그인 응답을 받아들일 수 없습니다.</p>')
  t.match(refused.body, '<a href="/login?returnTo=%2Forders&amp;ui_locales=ko">다시 로그인</a>')
  t.match(refused.body, '<code>SALLYPORT_AUTHENTICATION_LOGIN_REFUSED</code>')
  const browser = login.browser()
  Object.assign(browser.headers, KOREAN)
  t.match((await browser.get('/login?returnTo=//evil.example')).body, '로그인 주소가 올바르지 않습니다.')
  t.match((await browser.get('/login?returnTo=//evil.example&ui_locales=en')).body, 'The address of this login')
  const away = await buildLoginApp(t, { metadata: { issuer: 'https://elsewhere.example' } })
  const outage = await away.browser().get('/login?returnTo=/orders', KOREAN)
  t.equal(outage.statusCode, 503)
  t.match(outage.body, '지금은 로그인할 수 없습니다.')
  t.match(outage.body, 'href="/login?returnTo=%2Forders"', 'where the login was to lead is kept')
})

t.test('with strict cookies the page that leads on is in the language of the login', async t => {
  const login = await buildLoginApp(t, { session: { sameSite: 'strict' } })
  const answer = await goThroughLogin(login, login.browser(), '/login?ui_locales=ko')
  t.match(
    answer.body,
    /<title>로그인되었습니다<\/title>\n<style>[^]*<meta http-equiv="refresh"[^]*<body>[^]*>계속<\/a>/
  )
})
