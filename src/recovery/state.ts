import { filesRestored } from '../agent/backup/contract.ts';
import { backupPart } from '../parts/backup/part.ts';
import { agentFolders, filesService } from '../parts/backup/names.ts';
import { askOnce, writingForAll } from '../parts/backup/one-off.ts';
import { newHistory } from '../parts/backup/secrets.ts';
import type { Compose } from '../engine/compose.ts';
import type { Engine } from '../engine/engine.ts';
import { imageTags } from '../platform/images.ts';
import { edgeVolume, stateVolume } from '../release/store.ts';
import {
  secretValue,
  secretVolumeName,
  secretsFolder,
  unmadeVault,
  writeSecretVolume,
  type Vault,
} from '../release/vault.ts';
import type { BackupOptions, Stack } from '../stack/stack.ts';
import type { ComposeModel } from '../engine/compose-model.ts';
import type { KitContent } from './kit-content.ts';
import { emptyStack } from './stack.ts';

interface Place {
  engine: Engine;
  compose: Compose;
  say(text: string): void;
}

/** The ledger, the vault and the edge's certificates: what the rest of a recovery is read from. */
export async function restoreState(place: Place, kit: KitContent): Promise<{ takenAt: string }> {
  const { engine, compose, say } = place;
  const stack = emptyStack(kit, { backup: optionsOf(kit) });
  const vault: Vault = {
    ...unmadeVault,
    backup: { ...kit.secrets, history: newHistory(new Date()) },
    volumeKey: kit.secrets.id,
  };
  const model = await agentModel(engine, stack, vault);
  const target = `${agentFolders.targets}/state`;
  const restore = (kind: 'state' | 'edge', volume: string) =>
    askOnce(
      { compose, project: kit.project },
      { compose: model },
      {
        service: filesService,
        mounts: { [volume]: target },
        words: ['restore', '--kind', kind, '--latest', '--into', target],
        answer: filesRestored,
        powers: writingForAll,
      },
      say,
    );
  await restore('edge', edgeVolume);
  const { at } = await restore('state', stateVolume);
  return { takenAt: at };
}

/** Where to look is all that is known yet; when backups are taken is not asked here. */
const optionsOf = ({ repositories }: KitContent): BackupOptions => ({
  schedule: '0 3 * * *',
  drillSchedule: '30 4 * * *',
  keepDays: 30,
  encrypt: true,
  volumes: [],
  assertions: [],
  repositories,
});

/** A Compose model of the agent for files alone, with its secrets. */
async function agentModel(engine: Engine, stack: Stack, vault: Vault): Promise<ComposeModel> {
  const service = backupPart.services(stack, vault.backup).find(({ name }) => name === filesService);
  if (!service) throw new Error('the backups have no agent for files');
  const files = Object.fromEntries(
    Object.entries(service.secretFiles).map(([file, name]) => [file, secretValue(vault, name, stack.backup)]),
  );
  const volume = secretVolumeName(vault, stack.project, `${filesService}-recovery`, files);
  const owner = { uid: service.uid, gid: service.uid };
  await writeSecretVolume({ engine, project: stack.project, volume, toolsImage: imageTags().tools, files, owner });
  const secrets = { type: 'volume', source: volume, target: secretsFolder, read_only: true };
  return {
    name: stack.project,
    services: {
      [filesService]: {
        ...service.definition,
        image: imageTags()[service.platformImage],
        volumes: [...(service.definition.volumes ?? []), secrets],
      },
    },
    networks: backupPart.networks(stack),
    volumes: {
      ...backupPart.volumes(stack),
      [edgeVolume]: { name: `${stack.project}_${edgeVolume}` },
      [volume]: { name: volume },
    },
  };
}
