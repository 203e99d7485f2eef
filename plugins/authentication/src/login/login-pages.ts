import { html, page, type Html } from '@sallyport/security-context/pages'

/** What a page says that ends a login which did not succeed. */
export interface FailedLogin {
  readonly title: string
  readonly text: string
  /** Path of the login, to begin again. */
  readonly loginAddress: string
  readonly requestId: string
}

/** Says that nobody was logged in, and leads back. */
export function failedLoginPage({ title, text, loginAddress, requestId }: FailedLogin): Html {
  return page(
    title,
    html`<p role="alert">${text}</p>
<p><a href="${loginAddress}">Log in again</a></p>
<p>Reference: <code>${requestId}</code></p>`
  )
}

/** Says that it is done. */
export function goodbyePage(loginPath: string): Html {
  return page(
    'Logged out',
    html`<p>You are not logged in here any more.</p>
<p><a href="${loginPath}">Log in again</a></p>`
  )
}

/** Leads on by itself, with a link for browsers that do not follow. */
export function continuePage(path: string): Html {
  return page(
    'Logged in',
    html`<meta http-equiv="refresh" content="0; url=${path}">
<p><a href="${path}">Continue</a></p>`
  )
}
