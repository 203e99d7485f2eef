import { html, page, type Html, type PageLanguage } from '@sallyport/security-context/pages'
import { scopeItems } from './pages.ts'
import type { DescribedScope } from '../../protocol/authorize/describe-scopes.ts'
import { emphasised, PAGE_TEXTS } from './page-texts.ts'

/** An application, and what it was allowed. */
export interface AllowedApplication {
  readonly clientId: string
  readonly name: string
  readonly scopes: readonly DescribedScope[]
}

/** What the list of applications shows. */
export interface ApplicationsPage {
  /** Path on this origin. */
  readonly action: string
  readonly csrf: string
  readonly applications: readonly AllowedApplication[]
  /** Name of the application that was just taken off the list; `null`: none. */
  readonly withdrawn: string | null
}

/** The applications that the user has allowed something, each with a button that takes it back. */
export function applicationsPage(
  { action, csrf, applications, withdrawn }: ApplicationsPage,
  language: PageLanguage
): Html {
  const texts = PAGE_TEXTS[language]
  return page(
    texts.applications,
    html`${withdrawn === null ? null : html`<p role="status">${texts.withdrawn(emphasised(withdrawn))}</p>`}
${applications.length === 0 ? html`<p>${texts.noApplications}</p>` : null}
${applications.map(
  ({ clientId, name, scopes }, index) => html`<h2 id="application${String(index)}">${name}</h2>
<ul>
${scopeItems(scopes)}</ul>
<form method="post" action="${action}">
<input type="hidden" name="csrf" value="${csrf}">
<input type="hidden" name="client_id" value="${clientId}">
<button type="submit" aria-describedby="application${String(index)}">${texts.withdraw}</button>
</form>
`
)}`,
    { language }
  )
}
