/**
 * Commands of Compose, Kamal and Heroku. The most similar name of ours often means the opposite, so these are mapped by
 * hand.
 */
const words: Record<string, string> = {
  up: 'horme deploy',
  start: 'horme deploy',
  redeploy: 'horme deploy',
  upgrade: 'horme deploy, or for the database: horme db upgrade',
  build: 'horme deploy --build',
  pull: 'horme deploy --build',
  ps: 'horme status',
  ls: 'horme status',
  history: 'horme releases',
  undo: 'horme rollback',
  revert: 'horme rollback',
  config: 'horme render, or: horme check',
  run: 'horme exec SERVICE COMMAND   (in a replica that runs)',
  shell: 'horme exec SERVICE sh',
  ssh: 'horme exec SERVICE sh',
  psql: 'horme db psql',
  stop: 'horme down, or for one service: horme scale SERVICE=0',
  rm: 'horme down',
  destroy: 'horme down --volumes',
  unlock: 'horme lock --release',
  restart:
    'horme deploy starts what does not run; for one container: docker restart CONTAINER   (horme logs names them)',
};

export const nextFor = (word: string): string | undefined => (Object.hasOwn(words, word) ? words[word] : undefined);
