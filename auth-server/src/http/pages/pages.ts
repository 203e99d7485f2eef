import { html, page, type Html, type PageLanguage } from '@sallyport/security-context/pages'
import type { FormProblem } from '../../accounts/passwords/refused-form.ts'
import type { DescribedScope } from '../../protocol/authorize/describe-scopes.ts'
import { emphasised, PAGE_TEXTS, problemText } from './page-texts.ts'

/** Where a form goes, and what ties it to its request and browser. */
export interface PageForm {
  /** Path on this origin. */
  readonly action: string
  /** The sealed interaction. */
  readonly interaction: string
  readonly csrf: string
}

const hidden = ({
  interaction,
  csrf
}: PageForm): Html => html`<input type="hidden" name="interaction" value="${interaction}">
<input type="hidden" name="csrf" value="${csrf}">`

/** The login page; `problem` says why it is shown again. */
export function loginPage(
  form: PageForm,
  {
    clientName,
    username,
    problem
  }: { readonly clientName: string; readonly username: string; readonly problem: FormProblem | null },
  language: PageLanguage
): Html {
  const texts = PAGE_TEXTS[language]
  return page(
    texts.logIn,
    html`${problem === null ? null : html`<p role="alert" id="problem">${problemText(texts, problem)}</p>`}
<p>${texts.toContinueTo(emphasised(clientName))}</p>
<form method="post" action="${form.action}">
${hidden(form)}
<label for="username">${texts.username}</label>
<input id="username" name="username" value="${username}" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus${problem === null ? null : html` aria-invalid="true" aria-describedby="problem"`}>
<label for="password">${texts.password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">${texts.logIn}</button>
</form>`,
    { language }
  )
}

/** Asks whether a client may act for the user. */
export function consentPage(
  form: PageForm,
  {
    clientName,
    username,
    scopes
  }: { readonly clientName: string; readonly username: string; readonly scopes: readonly DescribedScope[] },
  language: PageLanguage
): Html {
  const texts = PAGE_TEXTS[language]
  return page(
    texts.allowAccess,
    html`<p>${texts.asksToAct(emphasised(clientName), emphasised(username))}</p>
<ul>
${scopeItems(scopes)}</ul>
<form method="post" action="${form.action}">
${hidden(form)}
<button type="submit" name="decision" value="allow">${texts.allow}</button>
<button type="submit" name="decision" value="deny" class="quiet">${texts.deny}</button>
</form>
<p>${texts.consentLasts}</p>`,
    { language }
  )
}

/** Scopes as items of a list: what each is to the user, where somebody has described it, and its name. */
export function scopeItems(scopes: readonly DescribedScope[]): Html[] {
  return scopes.map(
    ({ name, description }) => html`<li>${
      description === null ? null : html`<span lang="${description.language}">${description.text}</span> `
    }<code>${name}</code></li>
`
  )
}

/** A refusal that no client can be told, with a way on for the person. */
export interface ErrorPage {
  /** For whoever made the application, in English; `null`: there is nothing of it to tell. */
  readonly detail: string | null
  readonly isOutage: boolean
  readonly requestId: string
}

/** Says that it did not work, and what to do. */
export function errorPage({ detail, isOutage, requestId }: ErrorPage, language: PageLanguage): Html {
  const texts = PAGE_TEXTS[language]
  const told =
    detail === null || isOutage
      ? html`<p role="alert">${isOutage ? texts.unavailable : texts.requestInvalid}</p>`
      : html`<p role="alert" lang="en">${detail}.</p>`
  return page(
    texts.failed,
    html`${told}
${isOutage ? null : html`<p>${texts.goBack}</p>`}
<p>${texts.reference}: <code>${requestId}</code></p>`,
    { language }
  )
}
