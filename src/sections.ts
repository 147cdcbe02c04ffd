/** Data of each part, by the part's name; only the part itself reads its section. */
export type Sections = Readonly<Record<string, unknown>>;
