import { html, page, type Html, type PageLanguage } from '@sallyport/security-context/pages'
import { emphasised, PAGE_TEXTS } from './page-texts.ts'

/** What the confirmation carries to the request that ends the sign-in. */
export interface LogoutForm {
  /** Path on this origin. */
  readonly action: string
  readonly csrf: string
  /** The parameters of the request, which are checked again. */
  readonly parameters: Readonly<Record<string, string>>
}

/** Asks whether the user wants to log out; `clientName` of the application that says so. */
export function confirmLogoutPage(
  form: LogoutForm,
  {
    username,
    clientName,
    meansAnother
  }: { readonly username: string; readonly clientName: string | null; readonly meansAnother: boolean },
  language: PageLanguage
): Html {
  const texts = PAGE_TEXTS[language]
  return page(
    texts.logOutQuestion,
    html`<p>${texts.loggedInAs(emphasised(username))}</p>
${clientName === null ? null : html`<p>${texts.asksForLogout(emphasised(clientName))}</p>`}
${meansAnother ? html`<p role="alert">${texts.meansAnother}</p>` : null}
<form method="post" action="${form.action}">
<input type="hidden" name="csrf" value="${form.csrf}">
${Object.entries(form.parameters).map(
  ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">
`
)}<button type="submit">${texts.logOut}</button>
</form>
<p>${texts.toStay}</p>`,
    { language }
  )
}

/** Says that it is done. */
export function loggedOutPage(language: PageLanguage): Html {
  const texts = PAGE_TEXTS[language]
  return page(texts.loggedOut, html`<p>${texts.notLoggedInAnyMore}</p>`, { language })
}
