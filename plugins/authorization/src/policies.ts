import type { Policy } from '@sallyport/security-context'

/** The principal has at least one of these roles, compared exactly. */
export function role(...anyOf: readonly string[]): Policy {
  return { kind: 'role', anyOf }
}

/** The token carries every one of these scope tokens, compared exactly. @see RFC 6749 §3.3 */
export function scope(...allOf: readonly string[]): Policy {
  return { kind: 'scope', allOf }
}

/** Whose client it is: needed where an app takes tokens of several issuers. */
export interface OfIssuer {
  readonly issuer: string
}

/** Whose subject the owner is: needed where an app takes tokens of several issuers. */
export type OwnerIdentity =
  | OfIssuer
  /** The attribute that holds the issuer of the owner. */
  | { readonly issuerAttribute: string }

/**
 * The token was exchanged and its current actor is this OAuth client; earlier actors of the chain do not count. @see
 * RFC 8693 §4.1
 */
export function actor(clientId: string, of?: OfIssuer): Policy {
  return { kind: 'actor', clientId, ...of }
}

/**
 * The token is this OAuth client's own, without a user and without an actor: a job that has no caller. @see RFC 6749
 * §4.4
 */
export function client(clientId: string, of?: OfIssuer): Policy {
  return { kind: 'client', clientId, ...of }
}

/**
 * This attribute of the resource is the principal's subject; with `of`, a subject of that issuer.
 * @example owner('customerId', { issuerAttribute: 'customerIssuer' })
 */
export function owner(attribute: string, of?: OwnerIdentity): Policy {
  return { kind: 'owner', attribute, ...of }
}

/**
 * This attribute of the resource has one of these values (strings, safe integers, booleans, null), compared by their
 * text.
 */
export function attribute(name: string, ...anyOf: ReadonlyArray<string | number | boolean | null>): Policy {
  return { kind: 'attribute', attribute: name, anyOf }
}

/**
 * An entry of the access control list gives the principal this permission on the resource whose id is in `attribute`.
 */
export function acl(resourceType: string, permission: string, attribute: string): Policy {
  return { kind: 'acl', resourceType, permission, attribute }
}

/** Every one of these policies allows. */
export function allOf(...policies: readonly Policy[]): Policy {
  return { kind: 'allOf', policies }
}

/** At least one of these policies allows. */
export function anyOf(...policies: readonly Policy[]): Policy {
  return { kind: 'anyOf', policies }
}
