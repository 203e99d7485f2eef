import t from 'tap'
import { fingerprintException } from '../../../plugins/service-process/src/exceptions/fingerprint-exception.ts'

/** An error as Node would make it at these places. */
function errorAt(places: readonly string[], message = 'down', more: object = {}): Error {
  const error = Object.assign(new Error(message), more)
  error.stack = [`Error: ${message}`, ...places.map(place => `    at ${place}`)].join('\n')
  return error
}

const OURS = 'placeOrder (file:///srv/app/order-service/dist/place-order.js:12:7)'
const DRIVER = 'Client._handleError (/srv/app/node_modules/pg/lib/client.js:345:17)'
const same = (one: unknown, other: unknown): boolean => fingerprintException(one) === fingerprintException(other)

t.test('lines and columns do not count, here and in dependencies, nor the files of a dependency', t => {
  const before = errorAt([DRIVER, OURS])
  t.match(fingerprintException(before), /^[0-9a-f]{16}$/)
  t.ok(
    same(before, errorAt(['Client.handle (/srv/app/node_modules/pg/dist/index.js:1:9001)', OURS])),
    'a new release of a dependency'
  )
  t.ok(same(before, errorAt([DRIVER, OURS.replace('12:7', '40:3')])), 'an edit above')
  t.ok(same(before, errorAt([DRIVER, OURS.replace('/srv/app/', '/opt/other/')])), 'another folder of the same release')
  t.end()
})

t.test('ids in messages do not count', t => {
  const withId = (id: string): Error => errorAt([OURS], `order ${id} is missing`)
  t.ok(same(withId('1'), withId('9f8c2f3a-7f5e-4f65-a6a5-0d3cbd0f4b55')))
  t.ok(same('user "ann" has 3 orders', 'user "bob" has 14 orders'), 'nor where there is no stack')
  t.end()
})

t.test('places that a message pretends are none: a caller does not make new failures', t => {
  const pretended = (word: string): string => `no order x\n    at ${word} (/srv/${word}.js:1:1)`
  for (const [what, ending] of Object.entries({ 'at its end': '', 'before its end': '\nin stock' })) {
    const [one, other] = ['a', 'b'].map(word => errorAt([OURS], `${pretended(word)}${ending}`))
    t.ok(same(one, other), what)
    t.ok(same(one, errorAt([OURS])), `${what}: the same as without it`)
  }
  const renamed = ['a', 'b'].map(word => {
    const error = errorAt([OURS], pretended(word))
    error.message = `select 1 - ${error.message}`
    return error
  })
  t.ok(same(renamed[0], renamed[1]), 'where a driver puts a statement in front of the message')
  t.end()
})

t.test('another function, kind, code or dependency is another failure', t => {
  const failures = [
    errorAt([OURS]),
    errorAt([OURS.replace('placeOrder', 'cancelOrder')]),
    errorAt([OURS], 'down', { name: 'TypeError' }),
    errorAt([OURS], 'down', { code: 'ECONNREFUSED' }),
    errorAt([DRIVER, OURS]),
    errorAt([DRIVER.replace('/pg/', '/@scope/pg/'), OURS]),
    'a text',
    undefined
  ]
  t.equal(new Set(failures.map(fingerprintException)).size, failures.length)
  t.end()
})

t.test('how deep a request was in the server does not count, nor how Node called it', t => {
  const own = [1, 2, 3, 4, 5].map(step => `step${step} (file:///srv/app/order-service/dist/steps.js:${step}:1)`)
  const deeper = ['node:internal/process/task_queues:105:5', ...own, ...own.map(place => `${place}`), DRIVER]
  t.ok(same(errorAt(own), errorAt(deeper)))
  t.end()
})
