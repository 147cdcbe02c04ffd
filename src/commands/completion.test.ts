import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { bashCompletion, zshCompletion } from './completion.ts';
import { commandGroups, commands, globalOptions } from './index.ts';

const line = { commands, commandGroups, globalOptions };

/** Completions that bash offers for the typed words, of which the last is incomplete. */
function offered(...words: string[]): string[] {
  const script = `${bashCompletion(line)}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _horme; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync('bash', ['-c', script, 'bash', 'horme', ...words], { encoding: 'utf8' });
  return output.split('\n').filter(Boolean);
}

test('completes commands, also behind global options', () => {
  expect(offered('re')).toEqual(['render', 'releases', 'restore', 'recovery-kit', 'recover']);
  expect(offered('--env', 'staging', '-f', 'deploy', 'st')).toEqual(['status']);
});

test('completes options and fixed arguments of the command', () => {
  expect(offered('deploy', '--w')).toEqual(['--wait', '--watch']);
  expect(offered('maintenance', 'o')).toEqual(['on', 'off']);
  expect(offered('logs', '--f')).toEqual(['--follow', '--file']);
  expect(offered('db', 're')).toEqual(['reinit']);
  expect(offered('db', 'failover', '--c')).toEqual(['--confirm']);
});

test('offers nothing for a value it cannot know', () => {
  expect(offered('deploy', '--env', '')).toEqual([]);
});

test('the zsh script has each command, its options and its fixed arguments', () => {
  const script = zshCompletion(line);
  for (const { name } of commands.filter((one) => !one.name.includes(' ')))
    expect(script).toMatch(new RegExp(`^ {8}${name}\\)$`, 'm'));
  expect(script).toContain("'(-f --follow)'{-f,--follow}'[go on printing as lines come]'");
  expect(script).toContain("'1:argument:(on off)'");
});
