export const appRole = 'app';
export const ownerRole = 'owner';

/** Two logins a role, in turns: a new password is another login, and the former goes on until the rollout is over. */
export const loginOf = (role: string, generation: number) => `${role}_${2 - (generation % 2)}`;
export const formerLoginOf = (role: string, generation: number) => loginOf(role, generation + 1);
