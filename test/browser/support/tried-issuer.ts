import type { BrowserContext, Page } from 'playwright-core'

/** A gateway with an issuer behind it, and what a person does at the pages of that issuer. */
export interface TriedIssuer {
  /** Origin of the gateway: its web client is at `/app`, routes at `/orders` and `/restaurants`. */
  readonly gateway: string
  /** Origin of the issuer. */
  readonly issuer: string
  /** PEM of the authority of both. */
  readonly caFile: string
  /** From the issuer's sign-in page to where that leads. */
  readonly signIn: (page: Page) => Promise<void>
  /** The same with what `/strong-orders` asks for, where there is such a route. */
  readonly signInStrongly: (page: Page) => Promise<void>
  /** The same, and then the login is older than `/recent-orders` takes. */
  readonly signInLongAgo: (page: Page) => Promise<void>
  /** Whether the sign-in page is shown: the issuer knows nobody in this browser. */
  readonly asksWhoThisIs: (page: Page) => Promise<boolean>
  /** From the question whether to log out, where the issuer asks it, to where that leads. */
  readonly confirmLogout: (page: Page) => Promise<void>
  /** Logs out at the issuer itself, by no application. */
  readonly logOutAtIssuer: (page: Page) => Promise<void>
  /** The access token of this browser's session ends. */
  readonly endAccess: (page: Page) => Promise<void>
  /** Whether a session was refreshed since {@link endAccess}. */
  readonly isRenewed: (context: BrowserContext) => Promise<boolean>
  /** Titles of scenarios that cannot be played here, and why. */
  readonly without: Readonly<Record<string, string>>
}
