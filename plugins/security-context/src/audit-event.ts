/** What the audit trail says of one effect or one refusal. Who, where and which request are added by the audit log. */
export interface AuditEvent {
  /** Verb and noun: `order.cancel`. */
  readonly action: string
  readonly outcome: 'success' | 'denied' | 'failure'
  /** Stable identifier of why, as in security events. */
  readonly reason?: string
  readonly resource?: { readonly type: string; readonly id: string }
  /** Who did it, or whose account it is about; the principal of the request comes first. */
  readonly subject?: string
  /** Issuer of that subject, where it is not the one whose users are the app's own. */
  readonly issuer?: string
  /** The OAuth client that did it; that of the principal comes first. */
  readonly clientId?: string
  /**
   * The account name that a login was tried with, as in security events: the audit log seals it next to a `subject`,
   * and keeps only a keyed hash otherwise.
   */
  readonly nameTried?: string
  /** The transaction that it belongs to, where no request says it: a job that continues what a request began. */
  readonly txn?: string
  /**
   * Whose personal values `detail` has, where that is not the subject: the account that an administrator changes. They
   * become unreadable with this person.
   */
  readonly person?: string
  /** Issuer of that person, where it is not the one whose users are the app's own. */
  readonly issuerOfPerson?: string
  /** More facts, for example the state before and after. Never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>
}

/** Writes one event on its own, outside any request or transaction: process events such as a key rotation. */
export interface AuditSink {
  write: (event: AuditEvent) => Promise<void>
}
