import { html, page, type Html } from '@sallyport/security-context/pages'

/** What the form for a new password shows. */
export interface PasswordPage {
  /** Path on this origin. */
  readonly action: string
  readonly csrf: string
  readonly username: string
  /** In characters. */
  readonly minLength: number
  /** Why it is shown again; `null`: the first time. */
  readonly problem: string | null
}

/** The form; it never has a password in it, not even after a mistake. */
export function passwordPage({ action, csrf, username, minLength, problem }: PasswordPage): Html {
  return page(
    'Change your password',
    html`${problem === null ? null : html`<p role="alert" id="problem">${problem}</p>`}
<p>for <strong>${username}</strong></p>
<form method="post" action="${action}">
<input type="hidden" name="csrf" value="${csrf}">
<input type="text" name="username" value="${username}" autocomplete="username" hidden readonly>
<label for="current">Current password</label>
<input id="current" name="current" type="password" autocomplete="current-password" required autofocus${problem === null ? null : html` aria-describedby="problem"`}>
<label for="wanted">New password</label>
<input id="wanted" name="wanted" type="password" autocomplete="new-password" required aria-describedby="rules">
<p id="rules">At least ${String(minLength)} characters; any characters count. Several words that do not belong together are good. Common passwords and your user name are refused.</p>
<label for="repeated">New password again</label>
<input id="repeated" name="repeated" type="password" autocomplete="new-password" required>
<button type="submit">Change password</button>
</form>`
  )
}

/** Says that it is done, and what still lives. */
export function passwordChangedPage(endedSessions: number): Html {
  return page(
    'Password changed',
    html`<p>You are still logged in in this browser, and in the applications that you use through it.</p>
<p>Everywhere else you are logged out: ${endedSessionsText(endedSessions)}.</p>`
  )
}

function endedSessionsText(ended: number): string {
  if (ended === 0) return 'no other session was open'
  return ended === 1 ? 'one session has ended' : `${ended} sessions have ended`
}

/** Whoever is here has to log in first. */
export function notLoggedInPage(): Html {
  return page(
    'Log in first',
    html`<p role="alert">You are not logged in in this browser. Log in to one of your applications, then open this page again.</p>`
  )
}
