import t from 'tap'
import { errorCode, errorStatus, messageWithCause } from '@sallyport/security-context/mechanics'

t.test('code and status are those of an error, and text and number', t => {
  t.equal(errorCode(Object.assign(new Error('gone'), { code: 'ECONNRESET' })), 'ECONNRESET')
  t.equal(errorStatus(Object.assign(new Error('no'), { statusCode: 503 })), 503)
  for (const nothing of [new Error('plain'), Object.assign(new Error('odd'), { code: 5, statusCode: '503' }), null]) {
    t.equal(errorCode(nothing), null)
    t.equal(errorStatus(nothing), null)
  }
  t.equal(errorCode({ code: 'SALLYPORT_TOKEN_REJECTED' }), null, 'an answer that looks like an error is none')
  t.equal(errorStatus({ statusCode: 401 }), null)
  t.end()
})

t.test('the text of an error comes with that of its cause', t => {
  t.equal(messageWithCause(new Error('no keys', { cause: new Error('timeout') })), 'no keys: timeout')
  t.equal(messageWithCause(new Error('no keys')), 'no keys')
  t.equal(messageWithCause('thrown text'), 'thrown text')
  t.end()
})
