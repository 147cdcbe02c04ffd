export const appRole = 'app';
export const ownerRole = 'owner';

/**
 * Each role has two logins that alternate: a rotation switches to the other one, and the former works until the rollout
 * is over.
 */
export const loginOf = (role: string, generation: number) => `${role}_${2 - (generation % 2)}`;
export const formerLoginOf = (role: string, generation: number) => loginOf(role, generation + 1);
