/** What goes back and forth between Serin and the process that holds the embedded database. */

export interface ToEmbedded {
  readonly id: number;
  readonly text: string;
  /** Absent: `text` may hold several statements. */
  readonly params?: unknown[];
}

export type FromEmbedded =
  | { readonly kind: 'ready' }
  | { readonly kind: 'rows'; readonly id: number; readonly rows: readonly unknown[]; readonly rowCount?: number }
  | { readonly kind: 'error'; readonly id: number; readonly message: string; readonly code?: string }
  | { readonly kind: 'notification'; readonly channel: string; readonly payload: string };
