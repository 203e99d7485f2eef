import { invalidClient } from '../../oauth-error.ts'
import type { Form } from '../../parse-form.ts'
import type { Client, ClientRegistration, ClientSecret } from '../../store/records.ts'
import type { ClientCertificate } from './client-certificate.ts'

/** Where a request can present client authentication. */
export interface ClientRequest {
  /** The header, as sent. */
  readonly authorization: string | undefined
  readonly form: Form
  /** The certificate of the connection. */
  readonly certificate: ClientCertificate | null
}

/** A client as stored, with its secrets, live or not. */
export interface RegisteredClient {
  readonly client: Client
  readonly secrets: readonly ClientSecret[]
}

/** What a method may have to know of this server. */
export interface VerifyingServer {
  readonly issuer: string
  readonly nowMs: number
  /** Allowed difference between the client's clock and this one. */
  readonly clockToleranceSeconds: number
}

/** The id of a proof that is good once, and when it has expired by itself. */
export interface OneTimeId {
  /** Whose ids they are: two issuers may use the same one. */
  readonly issuer: string
  readonly jti: string
  readonly expiresAtMs: number
}

/** What a method made of the proof: why it is refused, or that it is right and whether it is good once only. */
export type Verdict = { readonly refusal: string } | { readonly refusal: null; readonly once: OneTimeId | null }

/** The proof is right. */
export const PROVEN: Verdict = { refusal: null, once: null }

/** What a request presents by one method, before anything of it is believed. */
export interface PresentedProof {
  readonly clientId: string
  /**
   * Checks the proof against what is registered. It runs for an unknown client too, at the same cost, so that nobody
   * can tell by the time which clients exist.
   * @param registered `null` for an unknown client, which has to be refused
   */
  readonly verify: (registered: RegisteredClient | null, server: VerifyingServer) => Verdict
}

/**
 * A way in which clients prove who they are. `methods.ts` is the table of them; `authenticate-client.ts` decides for
 * all of them whether the client is disabled and whether it may use the method.
 */
export interface ClientAuthenticationMethod {
  /** What has to be registered for it; `null`: nothing, which makes the client a public one. */
  readonly needs: 'secret' | keyof ClientRegistration | null
  /**
   * Whether the certificate of the connection is the proof. Such a method works on the listener that asks for
   * certificates, binds tokens to the certificate, and gives way to any other that the request presents.
   * @see RFC 8705 §2
   */
  readonly byCertificate: boolean
  /** Algorithms that clients may sign with, for the metadata. */
  readonly signingAlgorithms: readonly string[]
  /** Whether the request has something for this method, well-formed or not. */
  readonly isPresented: (request: ClientRequest) => boolean
  /**
   * Reads what {@link isPresented} found.
   * @throws {OAuthError} `invalid_client`, `invalid_request` for two client ids
   */
  readonly read: (request: ClientRequest) => PresentedProof
}

/**
 * The `client_id` of a form, for methods whose proof does not name the client.
 * @throws {OAuthError} `invalid_client` without one, or beside the type of an assertion that is not there
 */
export function requireClientId(form: Form): string {
  const clientId = form.get('client_id')
  if (clientId === undefined || form.has('client_assertion_type')) throw invalidClient('client-authentication-missing')
  return clientId
}
