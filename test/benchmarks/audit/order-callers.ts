/** How many callers place orders at a time: the more, the more orders are in one commit. */
export const CALLERS = [16, 64] as const

/** The operation of so many callers. */
export const placingBy = (callers: number): string => `POST /orders, ${callers} callers`
