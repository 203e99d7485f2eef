import type { Principal } from './principal.ts'

/**
 * A caller whose token was verified before: one object for as long as that token is remembered. Authentication makes it
 * and checks it anew for each request; other stages keep here what they would otherwise work out again, in a member
 * that they add to this interface, and take nothing in it for a reason to let a request pass.
 */
export interface KnownCaller {
  readonly principal: Principal
  /** The token that `principal` was read from. Never log it. */
  readonly accessToken: string
}
