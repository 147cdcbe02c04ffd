/** What is kept for each part by the part's name; only the part itself looks into its section. */
export type Sections = Readonly<Record<string, unknown>>;
