export interface PageWanted {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Those behind `after`, and from where to go on; all of them have one order, whatever it is. */
export function lookAtPage<T extends string>(
  all: readonly T[],
  { after, limit }: PageWanted,
): { readonly page: readonly T[]; readonly next: T | null } {
  const first = after === undefined ? 0 : (all as readonly string[]).indexOf(after) + 1;
  const page = all.slice(first, first + limit);
  return { page, next: first + limit < all.length ? (page.at(-1) ?? null) : null };
}
