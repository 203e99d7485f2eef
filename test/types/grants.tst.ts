import { expect, test } from 'tstyche'
import type { Grant } from '../../auth-server/src/protocol/token-endpoint/grant.ts'
import type { GRANTS } from '../../auth-server/src/protocol/token-endpoint/grants/index.ts'
import type { GrantType, isGrantType } from '../../auth-server/src/store/grant-types.ts'

type GrantTable = typeof GRANTS

test('a grant that is missing in the table does not compile', () => {
  expect<GrantTable>().type.not.toBeAssignableFrom<Omit<GrantTable, 'password'>>()
  expect<GrantTable>().type.not.toBeAssignableFrom<Omit<GrantTable, 'refresh_token'>>()
  expect<GrantTable[GrantType]>().type.toBe<Grant>()
})

test('a grant that is in the table without being a grant type does not compile', () => {
  expect<keyof GrantTable>().type.toBe<GrantType>()
})

test('a text that a client is registered with is a grant of the table once it is checked', () => {
  expect<typeof isGrantType>().type.toBe<(text: string) => text is keyof GrantTable>()
})
