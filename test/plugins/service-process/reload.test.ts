import { createReload, type ReloadSubscriber } from '@sallyport/service-process'
import t from 'tap'

interface Part {
  readonly subscriber: ReloadSubscriber<string>
  readonly value: () => string
  refuse?: { readonly next: string; readonly reason: string }
  failToApply?: string
  failToUndo?: string
}

/** A subscriber that writes down what happens to it. */
function part(name: string, steps: string[]): Part {
  let value = 'first'
  const self: Part = {
    value: () => value,
    subscriber: {
      name,
      validate: async next => {
        steps.push(`${name} validates ${next}`)
        await Promise.resolve()
        if (self.refuse?.next === next) throw new Error(self.refuse.reason)
        const before = value
        return {
          apply: () => {
            steps.push(`${name} applies ${next}`)
            value = next
            if (self.failToApply !== undefined) throw new Error(self.failToApply)
          },
          undo: () => {
            steps.push(`${name} undoes ${next}`)
            value = before
            if (self.failToUndo !== undefined) throw new Error(self.failToUndo)
          }
        }
      }
    }
  }
  return self
}

function three(): {
  steps: string[]
  parts: [Part, Part, Part]
  reload: (next: string) => Promise<void>
  subscribe: (part: Part) => () => void
} {
  const steps: string[] = []
  const { subscribe, reload } = createReload<string>()
  const parts: [Part, Part, Part] = [part('routes', steps), part('settings', steps), part('certificates', steps)]
  for (const { subscriber } of parts) subscribe(subscriber)
  return { steps, parts, reload, subscribe: ({ subscriber }) => subscribe(subscriber) }
}

t.test('all subscribers validate before any is switched', async t => {
  const { steps, parts, reload } = three()
  await reload('second')
  t.strictSame(steps, [
    'routes validates second',
    'settings validates second',
    'certificates validates second',
    'routes applies second',
    'settings applies second',
    'certificates applies second'
  ])
  t.strictSame(
    parts.map(({ value }) => value()),
    ['second', 'second', 'second']
  )
})

t.test('a refusal changes nothing, and all reasons are told', async t => {
  const { steps, parts, reload } = three()
  parts[0].refuse = { next: 'second', reason: 'no such origin' }
  parts[2].refuse = { next: 'second', reason: 'expired' }
  await t.rejects(reload('second'), {
    code: 'SALLYPORT_PROCESS_RELOAD_REFUSED',
    message: 'Nothing was changed: routes: no such origin; certificates: expired'
  })
  t.equal(steps.filter(step => step.includes('applies')).length, 0)
  t.strictSame(
    parts.map(({ value }) => value()),
    ['first', 'first', 'first']
  )
})

t.test(
  'a subscriber that throws while it applies is reported, and those applied are taken back in reverse',
  async t => {
    const { steps, parts, reload } = three()
    parts[1].failToApply = 'the file is gone'
    await t.rejects(reload('second'), {
      code: 'SALLYPORT_PROCESS_RELOAD_FAILED',
      message: 'The change was undone: settings: the file is gone',
      cause: { message: 'the file is gone' }
    })
    t.strictSame(steps.slice(3), [
      'routes applies second',
      'settings applies second',
      'settings undoes second',
      'routes undoes second'
    ])
    t.strictSame(
      parts.map(({ value }) => value()),
      ['first', 'first', 'first']
    )
  }
)

t.test('one that cannot be taken back is reported as well, and the others are taken back all the same', async t => {
  const { parts, reload } = three()
  parts[2].failToApply = 'no'
  parts[1].failToUndo = 'stuck'
  await t.rejects(reload('second'), {
    code: 'SALLYPORT_PROCESS_RELOAD_FAILED',
    message: 'The change was undone: certificates: no; settings, while it was taken back: stuck'
  })
  t.equal(parts[0].value(), 'first')
})

t.test('concurrent reloads are one after the other, and a failed one does not keep the next from running', async t => {
  const { steps, parts, reload } = three()
  parts[0].refuse = { next: 'second', reason: 'not this one' }
  const [second, third] = await Promise.allSettled([reload('second'), reload('third')])
  t.strictSame([second.status, third.status], ['rejected', 'fulfilled'])
  t.strictSame(
    steps.map(step => step.split(' ').slice(1).join(' ')),
    [...Array(3).fill('validates second'), ...Array(3).fill('validates third'), ...Array(3).fill('applies third')]
  )
  t.strictSame(
    parts.map(({ value }) => value()),
    ['third', 'third', 'third']
  )
})

t.test('one that has left is not asked; the same one twice is asked twice', async t => {
  const steps: string[] = []
  const { subscribe, reload } = createReload<string>()
  const { subscriber } = part('routes', steps)
  const leave = subscribe(subscriber)
  subscribe(subscriber)
  await reload('second')
  leave()
  await reload('third')
  t.equal(steps.filter(step => step.includes('validates')).length, 3)
})
