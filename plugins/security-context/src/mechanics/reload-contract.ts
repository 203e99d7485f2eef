/** Switches to the new value, or back to the old one. Must not wait for anything but itself. */
export interface Change {
  readonly apply: () => void | Promise<void>
  /** Called after `apply` of any subscriber has failed, also its own. */
  readonly undo: () => void | Promise<void>
}

/** A part of the process that uses what is reloaded: settings, routes, certificates. */
export interface ReloadSubscriber<Next> {
  /** In messages: `routes`. */
  readonly name: string
  /** Checks the new value without using it, and prepares the change. Throws a reason for people to refuse it. */
  readonly validate: (next: Next) => Change | Promise<Change>
}
