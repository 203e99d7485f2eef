/** A line of an order, as order-service takes it. */
export interface FormLine {
  readonly menuItemId: string
  readonly quantity: number
}

/** What a person has filled in. */
export interface OrderForm {
  readonly restaurantId: string
  readonly key: string
  readonly address: string
  /** As they were typed, by dish, for a form that is shown again. */
  readonly quantities: ReadonlyMap<string, string>
  readonly lines: readonly FormLine[]
}

const QUANTITY = 'quantity.'

/** Reads the form of a menu; what is not a number of dishes is none, and the service refuses the rest. */
export function readOrderForm(form: URLSearchParams): OrderForm {
  const quantities = new Map(
    [...form].flatMap(([name, value]) => (name.startsWith(QUANTITY) ? [[name.slice(QUANTITY.length), value]] : []))
  )
  return {
    restaurantId: form.get('restaurantId') ?? '',
    key: form.get('key') ?? '',
    address: (form.get('address') ?? '').trim(),
    quantities,
    lines: [...quantities].flatMap(([menuItemId, typed]) => {
      const quantity = Number(typed)
      return Number.isInteger(quantity) && quantity > 0 ? [{ menuItemId, quantity }] : []
    })
  }
}

/** What a person has to be told before the order is sent. */
export function problemOfForm({ lines, address }: OrderForm): 'nothingOrdered' | 'addressMissing' | null {
  if (lines.length === 0) return 'nothingOrdered'
  return address === '' ? 'addressMissing' : null
}
