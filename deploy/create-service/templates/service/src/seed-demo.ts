/** The demo begins without sample items. */
export async function seedDemo(): Promise<void> {}
