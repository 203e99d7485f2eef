import { html, type Html } from '@sallyport/security-context/pages'
import type { AuthenticationTexts } from './authentication-texts.ts'

/** What a person can name who asks for help about a refusal. */
export interface RefusalReference {
  readonly requestId: string
  /** Stable; `null`: the error has none of ours. */
  readonly code: string | null
}

/** The last line of a page that refuses something. */
export function referenceLine({ requestId, code }: RefusalReference, { reference }: AuthenticationTexts): Html {
  return html`<p>${reference}: <code>${requestId}</code>${code === null ? null : html` <code>${code}</code>`}</p>`
}
