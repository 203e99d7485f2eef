/** The demo begins without configurations: every process has its settings from its environment. */
export async function seedDemo(): Promise<void> {}
