import {
  CLOCK_OPTION,
  custom,
  functionOption,
  listOf,
  objectWith,
  oneOrOff,
  optionsObject,
  readOptions,
  type OptionsRule
} from '@sallyport/security-context/options'
import t from 'tap'
import Type from 'typebox'

class OptionsError extends Error {}

const sealer = optionsObject({ intervalMs: Type.Integer({ minimum: 1, default: 1000 }) })
const schema = optionsObject({
  name: Type.String({ minLength: 1 }),
  maxWaiting: Type.Integer({ minimum: 1, maximum: 300, default: 20 }),
  share: Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 1 }),
  existence: Type.Enum(['hide', 'reveal'], { default: 'hide' }),
  names: listOf(Type.String(), { default: [] }),
  sealer: oneOrOff(sealer, { default: {} }),
  checks: Type.Record(Type.String(), functionOption<() => Promise<void>>(), { default: {} }),
  source: Type.Optional(objectWith<{ readonly find: () => void }>('a key source', ['find'])),
  origin: Type.Optional(custom<string>('an origin', value => value === 'https://a.example')),
  clock: CLOCK_OPTION
})

const read = (given: unknown, rules: ReadonlyArray<OptionsRule<unknown>> = []) =>
  readOptions({ schema, error: OptionsError, rules }, given)

t.test('what is left out or undefined gets its default, at every depth', async t => {
  t.strictSame(read({ name: 'a', sealer: { intervalMs: undefined }, maxWaiting: undefined }), {
    name: 'a',
    maxWaiting: 20,
    share: 1,
    existence: 'hide',
    names: [],
    sealer: { intervalMs: 1000 },
    checks: {},
    clock: Date.now
  })
  t.equal(read({ name: 'a', sealer: false }).sealer, false)
})

t.test('the result is frozen, and what was given may be changed afterwards', async t => {
  const find = { find: () => {} }
  const given = { name: 'a', names: ['x'], sealer: { intervalMs: 5 }, checks: { db: async () => {} }, source: find }
  const options = read(given)
  for (const part of [options, options.names, options.sealer, options.checks]) t.ok(Object.isFrozen(part))
  given.names.push('y')
  given.sealer.intervalMs = 6
  t.match(options, { names: ['x'], sealer: { intervalMs: 5 } })
  t.equal(options.names.length, 1)
  t.equal(options.source, find, 'an instance stays itself')
  t.notOk(Object.isFrozen(find))
})

t.test('every mistake is named at once: unknown, missing and wrong', async t => {
  const source = { find: 1 }
  const mistakes = {
    maxWaiting: 0,
    share: 0,
    existence: 'show',
    names: 'a',
    sealer: { intervalMs: 0.5, intervallMs: 1 },
    checks: { db: 'yes' },
    source,
    origin: 'x',
    clock: 5,
    max_waiting: 1,
    colour: 'red'
  }
  t.throws(() => read(mistakes), {
    message: [
      'name is missing',
      'maxWaiting must be a whole number from 1 to 300',
      'share must be a number of more than 0 and at most 1',
      'existence must be one of hide, reveal',
      'names must be a list',
      'sealer.intervalMs must be a whole number from 1',
      'sealer.intervallMs is not an option (did you mean intervalMs?)',
      'checks.db must be a function',
      'source must be a key source',
      'origin must be an origin',
      'clock must be a function',
      'max_waiting is not an option (did you mean maxWaiting?)',
      'colour is not an option'
    ].join('; ')
  })
})

t.test('null is a value, and a wrong one; so is NaN', async t => {
  t.throws(() => read({ name: null, maxWaiting: NaN, share: Infinity, sealer: null, checks: [], source: null }), {
    message:
      /name must .*maxWaiting must .*share must .*sealer must be false or an object; checks must be an object; source/
  })
  for (const given of [undefined, null, 'options', []]) {
    t.throws(() => read(given), { message: 'they must be an object' })
  }
})

t.test('names from the prototype are no options', async t => {
  t.throws(() => read({ name: 'a', constructor: 1, toString: 1 }), {
    message: 'constructor is not an option; toString is not an option'
  })
  t.throws(() => read(JSON.parse('{"name":"a","__proto__":1}')), { message: '__proto__ is not an option' })
})

t.test(
  'a rule is asked when each option it looks at is right, and its mistakes come in the order of the schema',
  async t => {
    const rules: ReadonlyArray<OptionsRule<unknown>> = [
      { of: ['sealer.intervalMs', 'share'], mistakes: () => ['sealer and share do not fit'] },
      { of: ['origin'], mistakes: () => ['origin is foreign', 'origin is old'] }
    ]
    t.throws(() => read({ name: 'a' }, rules), {
      message: 'sealer and share do not fit; origin is foreign; origin is old'
    })
    t.throws(() => read({ clock: 1, origin: 'x', wrong: 1 }, rules), {
      message:
        'name is missing; sealer and share do not fit; origin must be an origin; clock must be a function; wrong is not an option'
    })
    for (const sealer of [null, { intervalMs: 0 }]) {
      t.throws(() => read({ name: 'a', sealer }, rules), { message: /^sealer[^;]*; origin is foreign; origin is old$/ })
    }
  }
)

t.test('a path comes before every name', async t => {
  t.throws(() => readOptions({ schema: sealer, error: OptionsError, path: 'sealer' }, { intervalMs: 0, x: 1 }), {
    message: 'sealer.intervalMs must be a whole number from 1; sealer.x is not an option'
  })
})
