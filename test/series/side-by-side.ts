/** Files of `together` that are at work at the same time. Two cores carry two: the agents and databases of a third would wait for them. */
export const sideBySide = 2;
