import { buildApp, memoryStore, seedStore } from '@sallyport/auth-server'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { CHEAP, FACTS, introspect, login, refresh, SETTINGS, startServer } from '../support/authorization-server.ts'

const DAY_SECONDS = 86_400
const WEEK_SECONDS = 7 * DAY_SECONDS
const GRACE_SECONDS = SETTINGS.refreshGraceMs / 1000
const LONG_SESSIONS = { loginIdleSeconds: 400 * DAY_SECONDS, loginAbsoluteSeconds: 36_500 * DAY_SECONDS }

/** A server in memory with sessions that no property outlives. */
async function startInMemory(t: Test) {
  const store = memoryStore()
  await seedStore(store, FACTS, CHEAP)
  const clock = {
    ms: Date.now(),
    advance(seconds: number) {
      clock.ms += Math.round(seconds * 1000)
    }
  }
  const app = await buildApp(
    { ...SETTINGS, ...LONG_SESSIONS },
    { store, passwordParameters: CHEAP, clock: () => clock.ms }
  )
  t.after(async () => {
    await app.close()
  })
  const newSession = async (): Promise<string> => (await login(app)).body.refresh_token ?? ''
  /** The successor, `null` when the session has ended. */
  const present = async (refreshToken: string): Promise<string | null> =>
    (await refresh(app, refreshToken)).body.refresh_token ?? null
  return { clock, newSession, present }
}

t.test(
  'owner and thief who refresh in turn, in the natural rhythm or any other that is slower than the grace, are cut in the second generation',
  async t => {
    const { clock, newSession, present } = await startInMemory(t)
    for (const gapSeconds of [GRACE_SECONDS + 0.001, 11, 135, 270, 3600, WEEK_SECONDS]) {
      for (const [first, second] of [
        ['owner', 'thief'],
        ['thief', 'owner']
      ] as const) {
        const stolen = await newSession()
        const holds: Record<string, string> = { owner: stolen, thief: stolen }
        let answered = 0
        for (const who of Array.from({ length: 20 }, (_, turn) => (turn % 2 === 0 ? first : second))) {
          clock.advance(gapSeconds)
          const next = await present(holds[who] ?? '')
          if (next === null) break
          holds[who] = next
          answered++
        }
        t.equal(
          answered,
          3,
          `${first} first, ${gapSeconds} s apart: one late repeat is answered, the next generation's is not`
        )
        for (const value of Object.values(holds)) t.equal(await present(value), null, 'neither holds anything any more')
      }
    }
  }
)

t.test(
  'the session of a theft in lock-step ends with its access tokens, over two instances, and the trail says by which sign',
  async t => {
    const { app, another, clock, db, events } = await startServer(t)
    const other = await another()
    const first = (await login(app)).body
    const second = (await refresh(app, first.refresh_token)).body
    clock.advance(135)
    t.equal((await refresh(other, first.refresh_token)).body.refresh_token, second.refresh_token)
    clock.advance(135)
    const third = (await refresh(app, second.refresh_token)).body
    clock.advance(135)
    t.match(await refresh(other, second.refresh_token), { status: 400, body: { error: 'invalid_grant' } })
    t.match(events.at(-1), { stage: 'grant', outcome: 'denied', reason: 'refresh-token-reused' })
    t.equal((await refresh(app, third.refresh_token)).body.error, 'invalid_grant', 'the newest token is dead')
    t.strictSame(await introspect(app, third.access_token), { active: false })
    const rows = (await db('audit_events')
      .whereIn('action', ['session.refresh', 'session.end'])
      .orderBy('occurred_at')) as Array<{ action: string; reason: string | null; detail: { sign?: string } }>
    t.match(
      rows.map(({ action, reason }) => `${action} ${reason ?? ''}`.trim()),
      ['session.refresh', 'session.refresh repeated-late', 'session.refresh', 'session.end refresh-token-reused']
    )
    t.equal(rows.at(-1)?.detail.sign, 'late-repeats-in-two-generations')
  }
)

t.test('of parallel late repeats of one token all are answered: they are one generation', async t => {
  const { app, another, clock } = await startServer(t)
  const instances = [app, await another()]
  const first = (await login(app)).body.refresh_token
  const second = (await refresh(app, first)).body.refresh_token
  clock.advance(3600)
  const answers = await Promise.all(
    Array.from({ length: 10 }, async (_, n) => await refresh(instances[n % 2] ?? app, first))
  )
  t.strictSame(new Set(answers.map(({ body }) => body.refresh_token)), new Set([second]))
  t.equal((await refresh(app, second)).status, 200)
})

t.test(
  'a laptop that sleeps for a week after a lost answer stays logged in, also when it wakes several times',
  async t => {
    const { clock, newSession, present } = await startInMemory(t)
    let current = await newSession()
    for (const round of [1, 2, 3]) {
      const lost = await present(current)
      for (const wake of [1, 2, 3]) {
        clock.advance(WEEK_SECONDS)
        t.equal(await present(current), lost, `generation ${round}, waking ${wake}`)
      }
      current = (await present(lost ?? '')) ?? ''
      t.not(current, '', 'the next answer arrives')
    }
  }
)

/** What happens to the answers of one refresh of an honest client. */
type Happening =
  | { readonly kind: 'arrives' | 'two tabs' | 'three tabs' }
  | { readonly kind: 'double click' | 'lost, repeated soon' | 'straggler'; readonly afterSeconds: number }
  | { readonly kind: 'lost, repeated late'; readonly afterSeconds: readonly number[] }

const soon = fc.double({ min: 0, max: GRACE_SECONDS, noNaN: true })
const late = fc.double({ min: 0, max: WEEK_SECONDS, noNaN: true })
const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ kind: fc.constantFrom('arrives' as const, 'two tabs' as const, 'three tabs' as const) }),
  fc.record({
    kind: fc.constantFrom('double click' as const, 'lost, repeated soon' as const, 'straggler' as const),
    afterSeconds: soon
  }),
  fc.record({
    kind: fc.constant('lost, repeated late' as const),
    afterSeconds: fc.array(late, { minLength: 1, maxLength: 3 })
  })
)
/** Never two answers in a row that are lost and asked for late: that is what a thief looks like. */
const honestLife = fc.array(fc.tuple(happening, late), { minLength: 1, maxLength: 12 }).map(life =>
  life.reduce<Array<[Happening, number]>>((before, [each, pauseSeconds]) => {
    const isSecond = each.kind === 'lost, repeated late' && before.at(-1)?.[0].kind === 'lost, repeated late'
    return [...before, [isSecond ? { kind: 'arrives' } : each, pauseSeconds]]
  }, [])
)

t.test(
  'no honest client is ever logged out: lost answers, double clicks, parallel tabs, stragglers and sleep, in any order',
  async t => {
    const { clock, newSession, present } = await startInMemory(t)
    await fc.assert(
      fc.asyncProperty(honestLife, async life => {
        let previous = ''
        let current = await newSession()
        for (const [each, pauseSeconds] of life) {
          clock.advance(pauseSeconds)
          const answers = [await present(current)]
          if (each.kind === 'two tabs' || each.kind === 'three tabs') {
            answers.push(
              ...(await Promise.all(
                Array.from({ length: each.kind === 'two tabs' ? 1 : 2 }, async () => await present(current))
              ))
            )
          }
          for (const seconds of 'afterSeconds' in each ? [each.afterSeconds].flat() : []) {
            clock.advance(seconds)
            // A straggler is a request of before that was long on its way.
            if (each.kind !== 'straggler') answers.push(await present(current))
            else if (previous !== '' && (await present(previous)) !== current) {
              throw new Error('the straggler got something else')
            }
          }
          if (answers.includes(null) || new Set(answers).size !== 1) return false
          previous = current
          current = answers[0] ?? ''
        }
        return true
      }),
      { numRuns: 100 }
    )
    t.pass('100 lives')
  }
)

/** The rule, written down once more: what the server has to answer when one of a family's tokens is presented. */
function familyModel() {
  const usedAtMs: number[] = []
  let lastLateRepeat = -2
  let ended = false
  return {
    newest: () => usedAtMs.length,
    present(generation: number, nowMs: number): number | null {
      const [own, successor] = [usedAtMs[generation], usedAtMs[generation + 1]]
      if (ended) return null
      if (own === undefined) usedAtMs[generation] = nowMs
      else if (successor !== undefined) ended = nowMs - successor > SETTINGS.refreshGraceMs
      else if (nowMs - own > SETTINGS.refreshGraceMs) {
        ended = lastLateRepeat === generation - 1
        lastLateRepeat = generation
      }
      return ended ? null : generation + 1
    }
  }
}

t.test('whoever presents which token of a family when, the answer is that of the rule', async t => {
  const { clock, newSession, present } = await startInMemory(t)
  const gap = fc.oneof(soon, fc.constantFrom(GRACE_SECONDS, GRACE_SECONDS + 0.001, 11, 270), late)
  const ends = { cut: 0, alive: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(0, 0, 0, 1, 1, 1, 2, 3), gap), { minLength: 1, maxLength: 25 }),
      async steps => {
        const model = familyModel()
        const tokens = [await newSession()]
        let expected: number | null = 0
        for (const [back, seconds] of steps) {
          clock.advance(seconds)
          const generation = Math.max(0, model.newest() - back)
          expected = model.present(generation, clock.ms)
          const answer = await present(tokens[generation] ?? '')
          if (expected === null ? answer !== null : answer === null || (tokens[expected] ?? answer) !== answer) {
            return false
          }
          if (expected !== null && answer !== null) tokens[expected] = answer
        }
        ends[expected === null ? 'cut' : 'alive']++
        return true
      }
    ),
    { numRuns: 150 }
  )
  t.ok(ends.cut > 20 && ends.alive > 20, `both ends were seen: ${JSON.stringify(ends)}`)
})
