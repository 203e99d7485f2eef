import { html, page, type Html, type PageLanguage } from '@sallyport/security-context/pages'
import { AUTHENTICATION_TEXTS, type AuthenticationTexts } from '../pages/authentication-texts.ts'
import { referenceLine, type RefusalReference } from '../pages/reference-line.ts'

/** What a page says that ends a login which did not succeed. */
export interface FailedLogin extends RefusalReference {
  /** Why, as far as the person is told. */
  readonly problem: Exclude<Extract<keyof AuthenticationTexts, `failed${string}`>, 'failedTitle'>
  /** Path of the login, to begin again. */
  readonly loginAddress: string
}

/** Says that nobody was logged in, and leads back. */
export function failedLoginPage({ problem, code, loginAddress, requestId }: FailedLogin, language: PageLanguage): Html {
  const text = AUTHENTICATION_TEXTS[language]
  return page(
    text.failedTitle,
    html`<p role="alert">${text[problem]}</p>
<p><a href="${loginAddress}">${text.logInAgain}</a></p>
${referenceLine({ requestId, code }, text)}`,
    { language }
  )
}

/** Leads on by itself, with a link for browsers that do not follow. */
export function continuePage(path: string, language: PageLanguage): Html {
  const text = AUTHENTICATION_TEXTS[language]
  return page(text.loggedInTitle, html`<p><a href="${path}">${text.goOn}</a></p>`, {
    language,
    head: html`<meta http-equiv="refresh" content="0; url=${path}">
`
  })
}
