// Secrets of the gateway that are there or not for as long as it runs.
import t from 'tap'
import { secretsPresentSubscriber } from '../../reference-gateway/src/secrets-present.ts'
import { SETTINGS } from '../support/edge.ts'
import { stillSettings } from '../support/still-settings.ts'

t.test('a secret that comes or goes is refused by name', async t => {
  const { clientSecret = '', sealingKeys = '', ...without } = SETTINGS
  const whole = secretsPresentSubscriber(stillSettings(SETTINGS))
  const bare = secretsPresentSubscriber(stillSettings(without))
  t.doesNotThrow(() => whole.validate({ ...SETTINGS, sealingKeys: 'another' }))
  t.throws(() => whole.validate({ ...without, clientSecret }), {
    message: /^sealingKeys: comes or goes with a restart/
  })
  t.throws(() => whole.validate(without), { message: /^clientSecret, sealingKeys: / })
  t.throws(() => bare.validate({ ...without, sealingKeys }), { message: /^sealingKeys: / })
})
