import { allOf, anyOf, attribute, owner, role, scope } from '@sallyport/authorization'
import { SHARED_APPLICATION } from './configurations/configuration-names.ts'

/** An application with a token of its own client, not of a user: its own configuration, and what all of them share. */
const ofItsOwn = allOf(
  attribute('isClientToken', true),
  anyOf(owner('application'), attribute('application', SHARED_APPLICATION))
)

/** Who reads and follows the configuration of an application. */
export const mayReadConfiguration = allOf(scope('config:read'), anyOf(role('ADMIN'), ofItsOwn))

/** Who reads a configuration that contains secrets, beside {@link mayReadConfiguration}. */
export const mayReadSecrets = scope('config:secrets')

/** Who sees what is stored, its versions and their differences, without secrets. */
export const mayInspectConfigurations = allOf(scope('config:read'), role('ADMIN'))

/** Who changes configurations. */
export const mayWriteConfigurations = allOf(scope('config:write'), role('ADMIN'))
