import { html, page, type Html, type PageLanguage } from '@sallyport/security-context/pages'
import { isFinalState, stateText, type ListedDish, type ListedOrder, type ListedRestaurant } from './listed-orders.ts'
import { WEB_CLIENT_TEXTS, type WebClientTexts } from './texts.ts'
import { WEB_CLIENT_PATHS as AT } from './paths.ts'

/** Where to log in, and what went wrong there. */
export interface LandingFacts {
  /** Address of the login at the issuer; `null`: there is none. */
  readonly loginAddress: string | null
  readonly username: string
  readonly problem: keyof WebClientTexts | null
}

/** The page of whoever is not logged in. */
export function landingPage(language: PageLanguage, { loginAddress, username, problem }: LandingFacts): Html {
  const texts = WEB_CLIENT_TEXTS[language]
  return page(
    texts.name,
    html`${problem === null ? null : html`<p role="alert" id="problem">${texts[problem]}</p>`}
<p>${texts.welcome}</p>
${loginAddress === null ? null : html`<p><a href="${loginAddress}">${texts.logInAtIssuer}</a></p>`}
<h2>${texts.logInHere}</h2>
<form method="post" action="${AT.login}">
<label for="username">${texts.username}</label>
<input id="username" name="username" value="${username}" autocomplete="username" autocapitalize="none" spellcheck="false" required${problem === null ? null : html` autofocus aria-invalid="true" aria-describedby="problem"`}>
<label for="password">${texts.password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">${texts.logIn}</button>
</form>`,
    { language }
  )
}

/** What the page of orders shows. */
export interface OrdersFacts {
  /** `null`: the session does not say. */
  readonly username: string | null
  readonly restaurants: readonly ListedRestaurant[]
  /** `null`: this account has none to see. */
  readonly orders: readonly ListedOrder[] | null
}

/** Restaurants to order from, and what was ordered. */
export function ordersPage(language: PageLanguage, { username, restaurants, orders }: OrdersFacts): Html {
  const texts = WEB_CLIENT_TEXTS[language]
  return page(
    texts.name,
    html`${
      username === null
        ? null
        : html`<p>${texts.loggedInAs} <strong>${username}</strong></p>
`
    }<h2>${texts.restaurants}</h2>
<ul>${restaurants.map(({ restaurantId, name }) => html`<li><a href="${AT.menu(restaurantId)}">${name}</a></li>\n`)}</ul>
<h2>${texts.orders}</h2>
${orderList(texts, orders)}
<h2><a href="${AT.sessions}">${texts.sessions}</a></h2>
${logoutForm(texts)}`,
    { language }
  )
}

function orderList(texts: WebClientTexts, orders: readonly ListedOrder[] | null): Html {
  if (orders === null) return html`<p>${texts.ordersOfOthers}</p>`
  if (orders.length === 0) return html`<p>${texts.noOrders}</p>`
  const items = orders.map(
    order =>
      html`<li><a href="${AT.order(order.orderId)}">${dishesText(order)}</a>: ${stateText(texts, order.state)}</li>\n`
  )
  return html`<ul>${items}</ul>`
}

/** What the menu of a restaurant shows. */
export interface MenuFacts {
  readonly restaurantId: string
  readonly dishes: readonly ListedDish[]
  /** Makes sending the same form twice one order. */
  readonly key: string
  readonly address: string
  readonly quantities: ReadonlyMap<string, string>
  readonly problem: 'nothingOrdered' | 'addressMissing' | null
}

/** The menu, as the form of an order. */
export function menuPage(language: PageLanguage, facts: MenuFacts): Html {
  const texts = WEB_CLIENT_TEXTS[language]
  const { restaurantId, dishes, key, address, quantities, problem } = facts
  const mark = (of: MenuFacts['problem']): Html | null =>
    problem === of ? html` autofocus aria-invalid="true" aria-describedby="problem"` : null
  return page(
    texts.placeOrder,
    html`${problem === null ? null : html`<p role="alert" id="problem">${texts[problem]}</p>`}
<form method="post" action="${AT.orders}">
<input type="hidden" name="restaurantId" value="${restaurantId}">
<input type="hidden" name="key" value="${key}">
${dishes.map(
  (
    { menuItemId, name, priceCents },
    index
  ) => html`<label for="dish${String(index)}">${name}, ${priceText(priceCents)}. ${texts.quantity}</label>
<input id="dish${String(index)}" name="quantity.${menuItemId}" type="number" min="0" max="99" value="${quantities.get(menuItemId) ?? '0'}"${index === 0 ? mark('nothingOrdered') : null}>
`
)}<label for="address">${texts.address}</label>
<input id="address" name="address" value="${address}" maxlength="200" autocomplete="street-address" required${mark('addressMissing')}>
<button type="submit">${texts.placeOrder}</button>
</form>
<p><a href="${AT.orders}">${texts.back}</a></p>`,
    { language }
  )
}

/** One order; its state follows by itself. */
export function orderPage(language: PageLanguage, order: ListedOrder): Html {
  const texts = WEB_CLIENT_TEXTS[language]
  const { orderId, state, totalCents, deliveryAddress } = order
  const isOver = isFinalState(state)
  return page(
    texts.order,
    html`<p>${dishesText(order)}</p>
<p>${texts.total}: ${priceText(totalCents)}</p>
<p>${texts.address}: ${deliveryAddress}</p>
<p>${texts.state}: <strong id="state" role="status" data-events="${AT.events(orderId)}">${stateText(texts, state)}</strong></p>
${
  isOver
    ? null
    : html`<p>${texts.liveHint}</p>
<form method="post" action="${AT.cancel(orderId)}" data-until-final><button type="submit" class="quiet">${texts.cancel}</button></form>`
}
<p><a href="${AT.orders}">${texts.back}</a></p>
${isOver ? null : html`<script src="${AT.script}"></script>`}`,
    { language, head: isOver ? null : html`<noscript><meta http-equiv="refresh" content="5"></noscript>\n` }
  )
}

/** Says what did not work, and leads back. */
export function webClientErrorPage(language: PageLanguage, problem: keyof WebClientTexts, requestId: string): Html {
  const texts = WEB_CLIENT_TEXTS[language]
  const isOut = problem === 'loggedOut'
  return page(
    texts.failedTitle,
    html`<p role="alert">${texts[problem]}</p>
<p><a href="${isOut ? AT.landing : AT.orders}">${isOut ? texts.logIn : texts.back}</a></p>
<p>${texts.reference}: <code>${requestId}</code></p>`,
    { language }
  )
}

/** The gateway's own logout: at the issuer too, and back to the landing page. */
const logoutForm = (texts: WebClientTexts): Html =>
  html`<form method="post" action="/logout"><input type="hidden" name="returnTo" value="${AT.landing}"><button type="submit" class="quiet">${texts.logOut}</button></form>`

const dishesText = ({ lines }: ListedOrder): string =>
  lines.map(({ name, quantity }) => `${quantity} × ${name}`).join(', ')

const priceText = (cents: number): string => (cents / 100).toFixed(2)
