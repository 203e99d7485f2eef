/** What the deployment tells `seedDemo`. */
export interface ServiceDemoFacts {
  /** By user name; `subject` is the `sub` of the user's tokens. */
  readonly users: Readonly<Record<string, { readonly subject: string }>>
  readonly issuer: string
}

const demoId = (kind: string, number: number): string =>
  `00000000-0000-4000-8000-${kind}${String(number).padStart(8, '0')}`
const demoRestaurant = (
  number: number,
  name: string,
  manager: string,
  menu: ReadonlyArray<readonly [string, number]>
) => ({
  restaurantId: demoId('0001', number),
  name,
  manager,
  items: menu.map(([item, priceCents], index) => ({
    menuItemId: demoId('0002', number * 100 + index),
    name: item,
    priceCents
  }))
})

/** The demo's restaurants, each with its menu and the user who manages it. */
export const DEMO_RESTAURANTS = [
  demoRestaurant(1, 'Anchor Grill', 'restaurant1', [
    ['Grilled mackerel', 1450],
    ['Chips', 390],
    ['Lemonade', 320]
  ]),
  demoRestaurant(2, 'Bellini', 'restaurant2', [
    ['Margherita', 1050],
    ['Tiramisu', 620]
  ]),
  demoRestaurant(3, 'Copper Wok', 'restaurant2', [
    ['Pad thai', 1190],
    ['Spring rolls', 540],
    ['Jasmine tea', 280]
  ])
] as const

/** One order of the demo, with its states in the other services; `null` where it never arrived. */
export interface DemoOrder {
  readonly orderId: string
  readonly ticketId: string
  readonly deliveryId: string
  readonly customer: string
  readonly restaurant: (typeof DEMO_RESTAURANTS)[number]
  readonly quantity: number
  readonly order: 'APPROVED' | 'REJECTED' | 'CANCELLED'
  readonly ticket: 'OPEN' | 'ACCEPTED' | 'CANCELLED' | null
  readonly delivery: {
    readonly state: 'SCHEDULED' | 'ACCEPTED' | 'PICKED_UP' | 'DELIVERED'
    readonly courier: string | null
  } | null
  readonly deliveryAddress: string
  readonly createdAt: Date
}

type Story = readonly [
  customer: string,
  restaurant: 0 | 1 | 2,
  order: DemoOrder['order'],
  ticket: DemoOrder['ticket'],
  delivery: DemoOrder['delivery']
]

const STORIES: readonly Story[] = [
  ['customer1', 0, 'APPROVED', 'OPEN', null],
  ['customer1', 1, 'APPROVED', 'ACCEPTED', { state: 'SCHEDULED', courier: null }],
  ['customer2', 0, 'APPROVED', 'ACCEPTED', { state: 'ACCEPTED', courier: 'courier1' }],
  ['customer2', 2, 'APPROVED', 'ACCEPTED', { state: 'PICKED_UP', courier: 'courier2' }],
  ['customer1', 2, 'APPROVED', 'ACCEPTED', { state: 'DELIVERED', courier: 'courier1' }],
  ['customer1', 0, 'CANCELLED', 'CANCELLED', null],
  ['customer2', 1, 'REJECTED', null, null]
]

/** The orders of the demo: each of the three services seeds its part of them. */
export const DEMO_ORDERS: readonly DemoOrder[] = STORIES.map(([customer, place, order, ticket, delivery], index) => ({
  orderId: demoId('0003', index + 1),
  ticketId: demoId('0004', index + 1),
  deliveryId: demoId('0005', index + 1),
  customer,
  restaurant: DEMO_RESTAURANTS[place],
  quantity: (index % 3) + 1,
  order,
  ticket,
  delivery,
  deliveryAddress: customer === 'customer1' ? '1 Harbour Street' : '22 Mill Lane',
  createdAt: new Date(Date.UTC(2026, 0, 1, 12, index))
}))

/**
 * The `sub` of a demo user.
 * @throws when the deployment has no such user
 */
export function demoSubject(facts: ServiceDemoFacts, username: string): string {
  const user = facts.users[username]
  if (user === undefined) throw new Error(`the demo data needs the user ${username}`)
  return user.subject
}
