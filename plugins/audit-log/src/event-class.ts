/** What a row outside a transaction is about, which decides what an outage of the trail does to it. */
export type EventClass =
  /** An effect, or an event of the process. */
  | 'changes'
  /** A refusal or a failure. */
  | 'refusals'
  /** A declared read. */
  | 'reads'

/** What happens to a row that the database does not take. */
export type FailureMode =
  /** What it records is answered with 503. */
  | 'refuse'
  /** It is kept in a sealed local file and written later. */
  | 'spill'
  /** It is left out, and a row of the trail says how many were. */
  | 'drop'

/** The mode of each class. */
export type FailureModes = Readonly<Record<EventClass, FailureMode>>
