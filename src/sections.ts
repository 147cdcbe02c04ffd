/** Data of each part, by the part's name; only the part itself reads its section. */
export type Sections = Readonly<Record<string, unknown>>;

/** Leaves out the parts that have nothing to say. */
export const sectionsOf = (named: readonly (readonly [part: string, section: unknown])[]): Sections =>
  Object.fromEntries(named.filter(([, section]) => section !== undefined));
