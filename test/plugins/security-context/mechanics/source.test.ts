import { bareAddress, networkOf, sourceOf } from '@sallyport/security-context/mechanics'
import fc from 'fast-check'
import { isIPv4, isIPv6 } from 'node:net'
import t from 'tap'

t.test('a source is an IPv4 address or the /64 of an IPv6 address', async t => {
  const expected: Array<readonly [string, string]> = [
    ['192.0.2.7', '192.0.2.7'],
    ['192.0.2.7:5061', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:207', '192.0.2.7'],
    ['2001:db8:0:1:a:b:c:d', '2001:db8:0:1::/64'],
    ['2001:DB8:0:1::9', '2001:db8:0:1::/64'],
    ['[2001:db8:0:1::9]:443', '2001:db8:0:1::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['', 'unknown'],
    ['not an address', 'unknown'],
    ['999.1.1.1', 'unknown']
  ]
  for (const [address, source] of expected) t.equal(sourceOf(address), source, address)
})

t.test('a network is the /24 of an IPv4 address or the /48 of an IPv6 address', async t => {
  const expected: Array<readonly [string, string]> = [
    ['192.0.2.7', '192.0.2.0/24'],
    ['192.0.2.7:5061', '192.0.2.0/24'],
    ['::ffff:192.0.2.7', '192.0.2.0/24'],
    ['2001:db8:1:2:a:b:c:d', '2001:db8:1::/48'],
    ['[2001:DB8:0:1::9]:443', '2001:db8:0::/48'],
    ['fe80::1%eth0', 'fe80:0:0::/48'],
    ['unknown', 'unknown'],
    ['', 'unknown']
  ]
  for (const [address, network] of expected) t.equal(networkOf(address), network, address)
})

t.test('all addresses of one /64 are one source, and no text makes more than one source of its own', async t => {
  fc.assert(
    fc.property(fc.ipV6(), fc.ipV4(), fc.string({ maxLength: 50 }), (six, four, text) => {
      const source = sourceOf(six)
      if (!isIPv6(six)) return
      if (!isIPv4(source)) t.equal(sourceOf(source.replace('::/64', '::77')), source)
      t.equal(sourceOf(four), four)
      t.equal(sourceOf(text) === 'unknown' || sourceOf(text).length <= 39 + 3, true)
    }),
    { numRuns: 200 }
  )
})

t.test('an address is told without port, brackets and zone, and what is none is none', async t => {
  const expected: Array<readonly [string, string | null]> = [
    ['192.0.2.7:5061', '192.0.2.7'],
    ['[2001:db8::9]:443', '2001:db8::9'],
    ['[2001:db8::9]', '2001:db8::9'],
    ['fe80::1%eth0', 'fe80::1'],
    ['2001:DB8::9', '2001:DB8::9'],
    ['192.0.2.7%eth0', null],
    ['192.0.2.7:', null],
    ['192.0.2.7:123456', null],
    ['host:80', null],
    ['', null]
  ]
  for (const [address, bare] of expected) t.equal(bareAddress(address), bare, address)
})
