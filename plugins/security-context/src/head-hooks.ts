import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** An `onSend` hook as Fastify calls it, in either of its two forms. */
export type SendHook = (
  this: FastifyInstance,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error?: unknown, payload?: unknown) => void
) => unknown

/** What stands for the payload of an answer that Fastify does not send itself. */
export interface HeadPayload {
  /** A hook has answered in its place. */
  readonly destroy: () => void
}

const declared = new WeakSet<object>()

/**
 * Declares that an `onSend` hook is about the head of an answer only: it passes the payload on as it is, or answers
 * itself and destroys it. So a plugin that writes its answers past Fastify, such as forwarding, can run the hook before
 * the head leaves ({@link runHeadHooks}). A route with any other `onSend` hook keeps to Fastify's way.
 * @returns the hook
 */
export function headHook<Hook extends object>(hook: Hook): Hook {
  declared.add(hook)
  return hook
}

/**
 * The same for hooks of other packages on this instance, by the names of their functions. A name that is not found is
 * none: then those routes keep to Fastify's way.
 */
export function declareHeadHooks(fastify: FastifyInstance, ...names: readonly string[]): void {
  for (const hook of sendHooksOf(fastify) ?? []) if (names.includes(hook.name)) headHook(hook)
}

/**
 * The `onSend` hooks of the routes that will be declared on this instance and inside it, without those in `except`.
 * Call it before them.
 * @returns asks for the hooks when the app is ready; `null` when one of them is not declared as a {@link headHook}, or
 * when they cannot be known
 */
export function headHooksOfRoutes(
  fastify: FastifyInstance,
  except: readonly object[] = []
): () => readonly SendHook[] | null {
  const routes: Array<{ readonly instance: FastifyInstance; readonly own: () => unknown }> = []
  fastify.addHook('onRoute', function collectRoute(this: FastifyInstance, options) {
    routes.push({ instance: this, own: () => options.onSend })
  })
  let known: readonly SendHook[] | null | undefined

  function findHooks(): readonly SendHook[] | null {
    const lists = routes.map(({ instance, own }) => {
      const inherited = sendHooksOf(instance)
      return inherited === null ? null : [...inherited, ...functionsIn([own()].flat())]
    })
    const [first = null] = lists
    // One list for all of them, so that nobody has to ask for each request.
    if (first === null || !lists.every(list => list !== null && isSameList(list, first))) return null
    const rest = first.filter(hook => !except.includes(hook))
    if (!rest.every(hook => declared.has(hook))) return null
    const [{ instance } = { instance: fastify }] = routes
    return rest.map(hook => hook.bind(instance))
  }

  return () => (known === undefined ? (known = findHooks()) : known)
}

/**
 * Runs head hooks one after another, without waiting where they do not wait.
 * @param done called once, unless a hook answers itself; with the error of the first hook that fails
 */
export function runHeadHooks(
  hooks: readonly SendHook[],
  request: FastifyRequest,
  reply: FastifyReply,
  payload: HeadPayload,
  done: (error: unknown) => void
): void {
  let at = 0
  let isRunning = false
  let isDue = true

  function advance(error?: unknown, changed?: unknown): void {
    if (error !== undefined && error !== null) return done(error)
    if (changed !== undefined && changed !== payload) return done(new Error('A head hook replaced the payload'))
    isDue = true
    if (!isRunning) run()
  }

  function run(): void {
    isRunning = true
    while (isDue) {
      const hook = hooks[at++]
      if (hook === undefined) return done(null)
      isDue = false
      const waits = Reflect.apply(hook, undefined, [request, reply, payload, advance])
      if (waits instanceof Promise) {
        waits.then(
          changed => {
            advance(undefined, changed)
          },
          (error: unknown) => {
            advance(error ?? new Error('A head hook failed'))
          }
        )
      }
    }
    isRunning = false
  }

  run()
}

/** Fastify tells nobody which hooks an instance has. They are in a slot under a symbol that is named for what it is. */
function sendHooksOf(fastify: FastifyInstance): SendHook[] | null {
  const slot = Object.getOwnPropertySymbols(fastify).find(({ description }) => description === 'fastify.hooks')
  const hooks: unknown = slot === undefined ? null : Reflect.get(fastify, slot)
  if (typeof hooks !== 'object' || hooks === null || !('onSend' in hooks) || !Array.isArray(hooks.onSend)) return null
  return functionsIn(hooks.onSend)
}

function functionsIn(values: readonly unknown[]): SendHook[] {
  return values.filter((value): value is SendHook => typeof value === 'function')
}

function isSameList(list: readonly SendHook[], other: readonly SendHook[]): boolean {
  return list.length === other.length && list.every((hook, at) => hook === other[at])
}
