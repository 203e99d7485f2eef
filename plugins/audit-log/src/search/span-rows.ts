/**
 * Sequences that one row of `audit_spans` covers: for each span it says between which times its rows occurred. The
 * function of the migration counts by the same number.
 */
export const SPAN_ROWS = 1024
