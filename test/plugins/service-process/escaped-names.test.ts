import t from 'tap'
import { redactLine } from '../../../plugins/service-process/src/redact.ts'

t.test('a name that is written with escapes hides its value as the plain name does', t => {
  t.equal(redactLine('{"p\\u0061ssword":"hunter2","msg":"ok"}'), '{"p\\u0061ssword":"[redacted]","msg":"ok"}')
  t.equal(redactLine('{"c\\u006fde":"hunter2"}'), '{"c\\u006fde":"[redacted]"}')
  t.equal(redactLine('{"c\\u006fde":"ECONNRESET"}'), '{"c\\u006fde":"ECONNRESET"}')
  t.end()
})
