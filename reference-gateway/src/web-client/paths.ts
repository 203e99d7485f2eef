const filled = (pattern: string, value: string): string => pattern.replace(/:[A-Za-z]+/, encodeURIComponent(value))

/** The routes of the web client, as they are declared. */
export const WEB_CLIENT_PATTERNS = {
  landing: '/app',
  login: '/app/login',
  script: '/app/live.js',
  orders: '/app/orders',
  order: '/app/orders/:orderId',
  cancel: '/app/orders/:orderId/cancel',
  events: '/app/orders/:orderId/events',
  menu: '/app/restaurants/:restaurantId'
} as const

/** Where the pages of the web client are, and the gateway's own page of sessions. */
export const WEB_CLIENT_PATHS = {
  ...WEB_CLIENT_PATTERNS,
  sessions: '/sessions',
  order: (orderId: string) => filled(WEB_CLIENT_PATTERNS.order, orderId),
  cancel: (orderId: string) => filled(WEB_CLIENT_PATTERNS.cancel, orderId),
  events: (orderId: string) => filled(WEB_CLIENT_PATTERNS.events, orderId),
  menu: (restaurantId: string) => filled(WEB_CLIENT_PATTERNS.menu, restaurantId)
} as const

const at = WEB_CLIENT_PATTERNS
const GETS = [at.landing, at.script, at.orders, at.order, at.events, at.menu]
const POSTS = [at.login, at.orders, at.cancel]

/** The same among the gateway's own routes: no route of a file can share requests with them. */
export const WEB_CLIENT_ROUTES: readonly string[] = [
  ...GETS.map(path => `GET ${path}`),
  ...POSTS.map(path => `POST ${path}`)
]
