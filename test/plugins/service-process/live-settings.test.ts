// Settings that change while the process runs: all who use them switch, or nothing changes and an alarm says why.
import configuration, { loadSettings } from '@sallyport/configuration'
import { openLiveSettings, type SettingDifference } from '@sallyport/service-process'
import Fastify from 'fastify'
import t from 'tap'
import Type from 'typebox'

const schema = Type.Object(
  {
    port: Type.Integer({ default: 80, pulled: true }),
    perMinute: Type.Integer({ default: 1, minimum: 1, live: true, pulled: true }),
    token: Type.String({ secret: true, live: true, minLength: 8 })
  },
  { additionalProperties: false }
)

function read(values: Readonly<Record<string, string>> = {}) {
  return loadSettings({ schema, environment: { SALLYPORT_TOKEN: 'canary-first', ...values } })
}

/** Live settings, and everything their witness was told. */
function openWitnessed() {
  const opened = openLiveSettings(read())
  const changes: Array<readonly SettingDifference[]> = []
  const refusals: string[] = []
  opened.witness({
    changed: (_version, differences) => {
      changes.push(differences)
    },
    refused: error => {
      refusals.push(error instanceof Error ? error.message : '')
    }
  })
  return { ...opened, changes, refusals }
}

t.test('a change is taken by all, raises the version, and is told with its difference without secrets', async t => {
  const { live, take, changes } = openWitnessed()
  const { digest } = live.state()
  const seen: number[] = []
  live.subscribe({
    name: 'throttle',
    validate: next => ({
      apply: () => {
        seen.push(next.perMinute, live.current.perMinute)
      },
      undo: () => {}
    })
  })
  t.ok(await take(() => read({ SALLYPORT_PER_MINUTE: '5', SALLYPORT_TOKEN: 'canary-second' })))
  t.strictSame(seen, [5, 5])
  t.equal(live.version, 2)
  t.equal(live.current.token, 'canary-second')
  t.not(live.state().digest, digest)
  t.strictSame(changes, [
    [
      { setting: 'perMinute', from: '1', to: '5', origin: 'environment SALLYPORT_PER_MINUTE' },
      { setting: 'token', from: '[secret]', to: '[secret]', origin: 'environment SALLYPORT_TOKEN' }
    ]
  ])
  t.ok(await take(() => read({ SALLYPORT_PER_MINUTE: '5', SALLYPORT_TOKEN: 'canary-second' })), 'the same again')
  t.match(live.state(), { version: 2, changed: 1, refused: 0, lastRefusal: null })
})

t.test('what cannot change live is refused by name, and what could change with it does not', async t => {
  const { live, take, refusals } = openWitnessed()
  t.notOk(await take(() => read({ SALLYPORT_PER_MINUTE: '5', PORT: '81' })))
  t.match(live.current, { port: 80, perMinute: 1 })
  t.strictSame(refusals, ['These settings change with a restart only: port'])
  t.notOk(await take(() => read({ SALLYPORT_PER_MINUTE: '5', PORT: '81' })))
  t.equal(refusals.length, 1, 'the alarm is not told again of the same reason')
  t.match(live.state(), { version: 1, refused: 2, lastRefusal: refusals[0] })
})

t.test('a mistake, a refusal of one subscriber and a failure to switch change nothing for anybody', async t => {
  const { live, take, refusals } = openWitnessed()
  const seen: string[] = []
  live.subscribe({
    name: 'first',
    validate: next => ({
      apply: () => {
        seen.push(`apply ${next.perMinute}`)
      },
      undo: () => {
        seen.push(`undo ${next.perMinute}`)
      }
    })
  })
  const leave = live.subscribe({
    name: 'second',
    validate: next => {
      if (next.perMinute === 3) throw new Error('not three')
      return {
        apply: () => {
          if (next.perMinute === 4) throw new Error('not now')
        },
        undo: () => {}
      }
    }
  })
  for (const perMinute of ['0', '3', '4']) {
    t.notOk(await take(() => read({ SALLYPORT_PER_MINUTE: perMinute })), perMinute)
    t.equal(live.current.perMinute, 1)
  }
  t.match(refusals, [
    /perMinute: must be >= 1/,
    'Nothing was changed: second: not three',
    'The change was undone: second: not now'
  ])
  t.strictSame(seen, ['apply 4', 'undo 4'])
  leave()
  t.ok(await take(() => read({ SALLYPORT_PER_MINUTE: '3' })), 'a subscriber that has left is not asked')
  t.equal(live.state().lastRefusal, null)
})

t.test('the plugin decorates an app with the live handle, and its settings are those of now', async t => {
  const { live, take } = openWitnessed()
  const app = Fastify()
  await app.register(configuration, { live })
  t.after(() => app.close())
  const { settings: before } = app
  await take(() => read({ SALLYPORT_PER_MINUTE: '9' }))
  t.match(before, { perMinute: 1 })
  t.match(app.settings, { perMinute: 9 })
  t.equal(app.liveSettings?.version, 2)
  const other = Fastify()
  await other.register(configuration, { settings: read() })
  t.equal(other.liveSettings, null)
  await t.rejects(async () => await Fastify().register(configuration, { live: {} as never }), {
    code: 'SALLYPORT_CONFIGURATION_OPTIONS_INVALID'
  })
})
