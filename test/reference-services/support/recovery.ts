import type { ServiceCollaborators } from '@sallyport/service-kit'
import type { Schedule } from '@sallyport/security-context/mechanics'
import type { Test } from 'tap'
import { Agent, type Dispatcher } from 'undici'
import { faultProxy, type FaultProxy } from '@sallyport/testing'
import { as, type TestService } from './services.ts'

/** A schedule that runs when the test says so. */
export function manualSchedule(): { readonly schedule: Schedule; run: () => Promise<void> } {
  const runs: Array<() => Promise<void>> = []
  return {
    schedule: run => {
      runs.push(run)
      return { stop: () => {} }
    },
    run: async () => {
      await Promise.all(runs.map(run => run()))
    }
  }
}

/** A proxy before the database of one service, known once the service is built. */
export function proxied(t: Test): { through: (url: string) => Promise<string>; proxy: () => FaultProxy } {
  let proxy: FaultProxy | undefined
  return {
    through: async url => {
      proxy = await faultProxy(t, url)
      return proxy.url
    },
    proxy: () => proxy!
  }
}

/** Collaborators of a service whose calls of `path` run `before` first; when it answers `lost`, nobody is there. */
export function beforeCalls(t: Test, path: RegExp, before: () => 'lost' | undefined): Partial<ServiceCollaborators> {
  const agent = new Agent()
  t.after(async () => {
    await agent.close()
  })
  const dispatcher = agent.compose(dispatch => (options: Dispatcher.DispatchOptions, handler) => {
    const lost = path.test(options.path) && before() === 'lost'
    return dispatch(lost ? { ...options, origin: 'http://127.0.0.1:1' } : options, handler)
  })
  return { dispatcher }
}

/** `work`, the first time it is called; nothing after that. */
export function once(work: () => void): () => undefined {
  let done = false
  return () => {
    if (!done) work()
    done = true
    return undefined
  }
}

/** Makes all unfinished work old enough to be taken up. */
export async function age({ owner }: TestService, table: 'orders' | 'tickets'): Promise<void> {
  await owner(table)
    .whereNotNull('recover_after')
    .update({ recover_after: owner.raw("now() - interval '1 second'") })
}

/** One sample of a service's metrics. */
export async function metric({ app }: TestService, name: string): Promise<number> {
  const text = (await app.operations.inject('/metrics')).body
  const line = text.split('\n').find(sample => sample.startsWith(name))
  return Number(line?.split(' ').at(-1))
}

/** Everything that a service has stored, for comparing before and after. */
export async function everything({ owner }: TestService, ...tables: string[]): Promise<unknown> {
  return Promise.all(
    [...tables, 'audit_events'].map(async table => {
      const rows: unknown[] = await owner(table).select()
      return rows.map(row => JSON.stringify(row)).toSorted()
    })
  )
}

/** A user's request to one of the services. */
export async function send(
  service: TestService,
  audience: string,
  user: Parameters<typeof as>[0],
  method: 'GET' | 'POST',
  url: string,
  payload?: object
) {
  return service.app.inject({
    method,
    url,
    headers: await as(user, audience),
    ...(payload !== undefined && { payload })
  })
}
