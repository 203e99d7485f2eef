// The sign-in page that npm oidc-provider leaves to whoever uses it: a name, and a second factor where it is asked for.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { html, page, pageHeaders } from '@sallyport/security-context/pages'

/** What a page is shown for. */
export interface ShownInteraction {
  readonly uid: string
  readonly params: { readonly acr_values?: unknown }
}

/** What a person answers; `null`: they do not want to. */
export type FilledSignIn = { readonly accountId: string; readonly usesSecondFactor: boolean } | null

/** Shows the sign-in page, or reads what was filled in. @returns `undefined`: the page was shown */
export async function answerSignIn(
  request: IncomingMessage,
  response: ServerResponse,
  { uid, params }: ShownInteraction,
  strongest: string
): Promise<FilledSignIn | undefined> {
  if (request.method === 'POST') return await readSignIn(request)
  const asksForMore = String(params.acr_values ?? '')
    .split(' ')
    .includes(strongest)
  const second = html`<label for="code">Code of your second factor</label>
<input id="code" name="code" autocomplete="one-time-code">
`
  const body = html`<form method="post" action="/interaction/${uid}">
<label for="account">User name</label>
<input id="account" name="account" autocomplete="username" required autofocus>
${asksForMore ? second : null}<button type="submit" name="decision" value="go-on">Log in</button>
<button type="submit" name="decision" value="cancel" class="quiet" formnovalidate>Cancel</button>
</form>`
  // Its answer leads on to any client.
  const headers = { ...pageHeaders(null), 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" }
  response.writeHead(200, headers).end(page('Log in', body).text)
  return undefined
}

async function readSignIn(request: IncomingMessage): Promise<FilledSignIn> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  const form = new URLSearchParams(text)
  if (form.get('decision') === 'cancel') return null
  return { accountId: form.get('account') ?? '', usesSecondFactor: (form.get('code') ?? '') !== '' }
}
