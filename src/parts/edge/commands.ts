import type { CommandDeclaration } from '../../command/declaration.ts';

export const commands: readonly CommandDeclaration[] = [
  {
    name: 'maintenance',
    arguments: [{ name: '<on|off>', choices: ['on', 'off'] }],
    summary: 'answer 503 with a page at the edge, or stop doing so',
    example: 'horme maintenance on --env production',
    load: () => import('./commands/maintenance.ts'),
  },
];
