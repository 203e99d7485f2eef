import { html, page, type Html, type PageLanguage } from '@sallyport/security-context/pages'
import type { FormProblem } from '../../accounts/passwords/refused-form.ts'
import { emphasised, PAGE_TEXTS, problemText } from './page-texts.ts'

/** What the form for a new password shows. */
export interface PasswordPage {
  /** Path on this origin. */
  readonly action: string
  readonly csrf: string
  readonly username: string
  /** In characters. */
  readonly minLength: number
  /** Why it is shown again; `null`: the first time. */
  readonly problem: FormProblem | null
}

/** What is wrong with the new password; anything else is about the current one. */
const OF_NEW_PASSWORD: readonly FormProblem['name'][] = [
  'passwordsDiffer',
  'passwordUnchanged',
  'passwordIllFormed',
  'passwordTooLong',
  'passwordTooShort',
  'passwordHasName',
  'passwordCommon',
  'passwordTrivial'
]

/** The form; it never has a password in it, not even after a mistake. The focus is on the field that is wrong. */
export function passwordPage(
  { action, csrf, username, minLength, problem }: PasswordPage,
  language: PageLanguage
): Html {
  const texts = PAGE_TEXTS[language]
  const isNewWrong = problem !== null && OF_NEW_PASSWORD.includes(problem.name)
  const isCurrentWrong = problem !== null && !isNewWrong
  return page(
    texts.changePassword,
    html`${problem === null ? null : html`<p role="alert" id="problem">${problemText(texts, problem)}</p>`}
<p>${texts.forPerson(emphasised(username))}</p>
<form method="post" action="${action}">
<input type="hidden" name="csrf" value="${csrf}">
<input type="text" name="username" value="${username}" autocomplete="username" hidden readonly>
<label for="current">${texts.currentPassword}</label>
<input id="current" name="current" type="password" autocomplete="current-password" required${isNewWrong ? null : html` autofocus`}${isCurrentWrong ? html` aria-invalid="true" aria-describedby="problem"` : null}>
<label for="wanted">${texts.newPassword}</label>
<input id="wanted" name="wanted" type="password" autocomplete="new-password" required${isNewWrong ? html` autofocus aria-invalid="true" aria-describedby="problem rules"` : html` aria-describedby="rules"`}>
<p id="rules">${texts.passwordRules(minLength)}</p>
<label for="repeated">${texts.newPasswordAgain}</label>
<input id="repeated" name="repeated" type="password" autocomplete="new-password" required>
<button type="submit">${texts.changeIt}</button>
</form>`,
    { language }
  )
}

/** Says that it is done, and what still lives. */
export function passwordChangedPage(endedSessions: number, language: PageLanguage): Html {
  const texts = PAGE_TEXTS[language]
  return page(
    texts.passwordChanged,
    html`<p>${texts.stillLoggedIn}</p>
<p>${texts.elsewhereLoggedOut(endedSessions)}</p>`,
    { language }
  )
}

/** Whoever is here has to log in first. */
export function notLoggedInPage(language: PageLanguage): Html {
  const texts = PAGE_TEXTS[language]
  return page(texts.logInFirst, html`<p role="alert">${texts.notLoggedIn}</p>`, { language })
}
