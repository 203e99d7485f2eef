import { html, page, type Html } from '@sallyport/security-context/pages'
import type { DescribedScope } from '../../protocol/authorize/describe-scopes.ts'

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
  }: { readonly clientName: string; readonly username: string; readonly problem: string | null }
): Html {
  return page(
    'Log in',
    html`${problem === null ? null : html`<p role="alert" id="problem">${problem}</p>`}
<p>to continue to <strong>${clientName}</strong></p>
<form method="post" action="${form.action}">
${hidden(form)}
<label for="username">User name</label>
<input id="username" name="username" value="${username}" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus${problem === null ? null : html` aria-describedby="problem"`}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">Log in</button>
</form>`
  )
}

/** Asks whether a client may act for the user. */
export function consentPage(
  form: PageForm,
  {
    clientName,
    username,
    scopes
  }: { readonly clientName: string; readonly username: string; readonly scopes: readonly DescribedScope[] }
): Html {
  return page(
    'Allow access?',
    html`<p><strong>${clientName}</strong> asks to act for you, <strong>${username}</strong>, with:</p>
<ul>
${scopes.map(
  ({ name, description }) => html`<li>${
    description === null ? null : html`<span lang="${description.language}">${description.text}</span> `
  }<code>${name}</code></li>
`
)}</ul>
<form method="post" action="${form.action}">
${hidden(form)}
<button type="submit" name="decision" value="allow">Allow</button>
<button type="submit" name="decision" value="deny" class="quiet">Deny</button>
</form>`
  )
}

/** A refusal that no client can be told. */
export function errorPage(title: string, text: string, requestId: string): Html {
  return page(
    title,
    html`<p role="alert">${text}.</p>
<p>Reference: <code>${requestId}</code></p>`
  )
}
