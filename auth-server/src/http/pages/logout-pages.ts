import { html, page, type Html } from '@sallyport/security-context/pages'

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
  }: { readonly username: string; readonly clientName: string | null; readonly meansAnother: boolean }
): Html {
  return page(
    'Log out?',
    html`<p>You are logged in here as <strong>${username}</strong>. Logging out ends what you began in this browser, in every application.</p>
${clientName === null ? null : html`<p><strong>${clientName}</strong> asks for it.</p>`}
${meansAnother ? html`<p role="alert">It means somebody else, who was logged in there.</p>` : null}
<form method="post" action="${form.action}">
<input type="hidden" name="csrf" value="${form.csrf}">
${Object.entries(form.parameters).map(
  ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">
`
)}<button type="submit">Log out</button>
</form>
<p>To stay logged in, close this page.</p>`
  )
}

/** Says that it is done. */
export function loggedOutPage(): Html {
  return page('Logged out', html`<p>You are not logged in in this browser any more.</p>`)
}
