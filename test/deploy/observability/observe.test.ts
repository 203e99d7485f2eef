import { scaleRules } from '@sallyport/local'
import t from 'tap'

t.test('rules at another speed have shorter times, and compare with the same values', async t => {
  const rules = "expr: rate(a_total[5m]) > 0.5 and b offset 1h > 900\nfor: 2m\nsummary: 'for 5m: [15m]'\n"
  t.equal(
    scaleRules(rules, 60),
    "expr: rate(a_total[5000ms]) > 0.5 and b offset 60000ms > 900\nfor: 2000ms\nsummary: 'for 5m: [15000ms]'\n"
  )
  t.equal(scaleRules('for: 1s', 5000), 'for: 1ms', 'never no time at all')
})
