import { html, page, type Html, type PageLanguage } from '@sallyport/security-context/pages'
import { AUTHENTICATION_TEXTS, deviceText, type AuthenticationTexts } from '../pages/authentication-texts.ts'
import { referenceLine, type RefusalReference } from '../pages/reference-line.ts'
import { deviceName } from './device-name.ts'
import type { LoginFacts } from './pairing.ts'
import type { ListedSession } from './session-list.ts'

/** Who is calling, as `GET /session` says it. */
export interface ShownSession {
  readonly subject: string
  readonly username?: string
  readonly roles: readonly string[]
  readonly scopes: readonly string[]
  /** Of the access token. */
  readonly expiresAtSeconds: number | null
  /** Of the session itself, where the app keeps it. */
  readonly sessionExpiresAtSeconds?: number
  readonly sessionId: string | null
  readonly login?: Omit<LoginFacts, 'username'>
}

/** Paths that the pages lead to, with the prefix of the routes. */
export interface SessionPaths {
  readonly session: string
  /** `null` where nobody lists sessions. */
  readonly sessions: string | null
  readonly logout: string
  readonly login: string
}

const fact = (name: string, value: string | Html | null): Html =>
  value === null || value === '' ? html`` : html`<dt>${name}</dt><dd>${value}</dd>`

/** Who is logged in, until when, and how. */
export function sessionPage(shown: ShownSession, paths: SessionPaths, language: PageLanguage): Html {
  const { login } = shown
  const text = AUTHENTICATION_TEXTS[language]
  return page(
    text.sessionTitle,
    html`<dl>${fact(text.loggedInAs, shown.username ?? shown.subject)}
${fact(text.roles, shown.roles.join(', '))}
${fact(text.loggedInBy, howText(login?.method ?? null, text))}
${fact(text.methods, login?.amr.join(', ') ?? null)}
${fact(text.loggedInAt, timeText(login?.authenticatedAtSeconds ?? null))}
${fact(text.sessionUntil, timeText(shown.sessionExpiresAtSeconds ?? null))}
${fact(text.tokenUntil, timeText(shown.expiresAtSeconds))}</dl>
${paths.sessions === null ? null : html`<p><a href="${paths.sessions}">${text.allSessions}</a></p>`}
<form method="post" action="${paths.logout}"><button>${text.logOut}</button></form>`,
    { language }
  )
}

/** The sessions of a person, each with a button that ends it. */
export function sessionsPage(sessions: readonly ListedSession[], paths: SessionPaths, language: PageLanguage): Html {
  const text = AUTHENTICATION_TEXTS[language]
  return page(
    text.sessionsTitle,
    html`${sessions.length === 0 ? html`<p>${text.none}</p>` : html`<ul>${sessions.map(each => sessionItem(each, paths, text))}</ul>`}
<form method="post" action="${paths.sessions ?? ''}/end">
<input type="hidden" name="all" value="yes"><button>${text.logOutEverywhere}</button></form>
<p><a href="${paths.session}">${text.thisSession}</a></p>`,
    { language }
  )
}

function sessionItem(session: ListedSession, paths: SessionPaths, text: AuthenticationTexts): Html {
  const device = deviceText(deviceName(session.userAgent), text)
  const title = session.current ? html`<strong>${device}</strong> (${text.current})` : html`${device}`
  return html`<li><h2>${title}</h2>
<dl>${fact(text.began, timeText(session.createdAtSeconds))}
${fact(text.lastUsed, timeText(session.lastUsedAtSeconds))}
${fact(text.sessionUntil, timeText(session.expiresAtSeconds))}
${fact(text.from, session.sourceAddress)}</dl>
<form method="post" action="${paths.sessions ?? ''}/end">
<input type="hidden" name="sessionId" value="${session.sessionId}">
<button class="quiet" aria-label="${text.end}: ${device}">${text.end}</button></form></li>`
}

/** Says that it is done. */
export function endedPage({ login }: Pick<SessionPaths, 'login'>, language: PageLanguage): Html {
  const text = AUTHENTICATION_TEXTS[language]
  return page(
    text.loggedOutTitle,
    html`<p>${text.loggedOut}</p>
<p><a href="${login}">${text.logInAgain}</a></p>`,
    { language }
  )
}

/** What a page says when what a form asked for was not done. */
export interface FailedForm extends RefusalReference {
  readonly problem: Exclude<Extract<keyof AuthenticationTexts, `undone${string}`>, 'undoneTitle'> | 'failedThrottled'
}

/** Says what was not done, and leads back. */
export function failedFormPage(
  { problem, code, requestId }: FailedForm,
  { session, login }: SessionPaths,
  language: PageLanguage
): Html {
  const text = AUTHENTICATION_TEXTS[language]
  const [path, name] = problem === 'undoneElsewhere' ? [login, text.logInAgain] : [session, text.thisSession]
  return page(
    text.undoneTitle,
    html`<p role="alert">${text[problem]}</p>
<p><a href="${path}">${name}</a></p>
${referenceLine({ requestId, code }, text)}`,
    { language }
  )
}

function howText(method: 'issuer' | 'password' | null, text: AuthenticationTexts): string {
  if (method === null) return text.byToken
  return method === 'issuer' ? text.byIssuer : text.byPassword
}

/** Later times have no date. @see ECMA-262 §21.4.1.1 */
const LATEST_SECONDS = 8.64e12

/** The same for all readers: a page without scripts does not know their time zone. */
function timeText(atSeconds: number | null): Html | null {
  if (atSeconds === null || atSeconds > LATEST_SECONDS) return null
  const iso = new Date(atSeconds * 1000).toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC</time>`
}
