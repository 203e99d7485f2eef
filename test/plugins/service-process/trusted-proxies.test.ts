import { instanceOptions } from '@sallyport/service-process'
import { sourceOf } from '@sallyport/security-context/mechanics'
import Fastify from 'fastify'
import t, { type Test } from 'tap'

const PROXIES = ['10.0.0.0/8', '127.0.0.1', '2001:db8:ffff::/48']

/** What an app that trusts `PROXIES` takes for the source of a request. */
async function startReader(t: Test, trustedProxies: readonly string[] = PROXIES) {
  const app = Fastify(
    instanceOptions({ name: 'reader', settings: { logLevel: 'silent', trustedProxies }, requestIds: 'own' })
  )
  t.after(() => app.close())
  app.get('/', async ({ ip, ips, headers }) => ({ ip, ips, forwarded: headers['x-forwarded-for'] ?? null }))
  return async (forwardedFor: string | undefined, remoteAddress = '127.0.0.1') => {
    const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }
    const response = await app.inject({ url: '/', remoteAddress, headers })
    return response.json<{ ip: string; ips?: string[]; forwarded: string | null }>()
  }
}

t.test('what a trusted proxy says of an address is believed, with or without a port', async t => {
  const read = await startReader(t)
  for (const [told, ip] of [
    ['198.51.100.7', '198.51.100.7'],
    ['198.51.100.7:5678', '198.51.100.7'],
    ['[2001:db8::1]:80', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['198.51.100.7:1, 10.0.0.3:4711', '198.51.100.7'],
    ['198.51.100.7,10.0.0.3 , [2001:db8:ffff::2]:9', '198.51.100.7'],
    [undefined, '127.0.0.1']
  ] as const) {
    t.equal((await read(told)).ip, ip, told ?? 'nothing')
  }
})

t.test('the list ends at the first hop that nobody trusts: what a client wrote before it is gone', async t => {
  const read = await startReader(t)
  t.strictSame(await read('203.0.113.1, 198.51.100.7:99, 10.0.0.3'), {
    ip: '198.51.100.7',
    ips: ['127.0.0.1', '10.0.0.3', '198.51.100.7'],
    forwarded: '198.51.100.7, 10.0.0.3'
  })
})

t.test('what is no address ends the list at the last believed hop', async t => {
  const read = await startReader(t)
  for (const garbage of [
    'unknown',
    '_hidden',
    '198.51.100.7:',
    '198.51.100.7:123456',
    '[::1',
    '1.2.3',
    '',
    '10.0.0.9/8'
  ]) {
    t.equal((await read(`198.51.100.7, ${garbage}, 10.0.0.3:80`)).ip, '10.0.0.3', garbage)
    t.strictSame(await read(garbage), { ip: '127.0.0.1', ips: ['127.0.0.1'], forwarded: null }, `${garbage} alone`)
  }
})

t.test('a stranger’s forwarding headers change nothing', async t => {
  const read = await startReader(t)
  for (const stranger of ['192.0.2.9', '::ffff:192.0.2.9', '2001:db8:1::1']) {
    t.equal((await read('10.0.0.1, 198.51.100.7:80', stranger)).ip, stranger)
  }
  const nobody = await startReader(t, [])
  t.equal((await nobody('198.51.100.7')).ip, '127.0.0.1')
  t.equal((await read('198.51.100.7', '::ffff:127.0.0.1')).ip, '198.51.100.7', 'a proxy on a listener for IPv6')
})

t.test('one end user is one source, however a proxy writes the address', async t => {
  const read = await startReader(t)
  const sources = async (...told: string[]) =>
    new Set(await Promise.all(told.map(async x => sourceOf((await read(x)).ip))))
  t.same([...(await sources('198.51.100.7:1', '198.51.100.7', '::ffff:198.51.100.7'))], ['198.51.100.7'])
  t.same([...(await sources('[2001:db8::1]:80', '2001:db8::2'))], ['2001:db8:0:0::/64'])
})
