import t from 'tap'
import { basicClientAuthorization } from '@sallyport/security-context/mechanics'

const decoded = (value: string): string => Buffer.from(value.slice('Basic '.length), 'base64').toString('latin1')

t.test('identifier and secret are form-encoded before they are joined', t => {
  for (const [clientId, secret, expected] of [
    ['order-service', 'secret', 'order-service:secret'],
    ['a:b', 'c:d', 'a%3Ab:c%3Ad'],
    ['a b', '100% +/', 'a+b:100%25+%2B%2F'],
    ['ä', 'ü~*', '%C3%A4:%C3%BC%7E*'],
    ['client', '&=', 'client:%26%3D']
  ] as const) {
    const value = basicClientAuthorization(clientId, secret)
    t.match(value, /^Basic [A-Za-z0-9+/]+=*$/)
    t.equal(decoded(value), expected)
  }
  t.end()
})
