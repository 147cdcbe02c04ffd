import { filesRestored } from '../../../agent/backup/contract.ts';
import type { BackupOptions } from '../options.ts';
import { backupNetworks, backupServices, backupVolumes } from '../services.ts';
import { agentFolders, filesService } from '../names.ts';
import { askOnce, writingForAll } from '../one-off.ts';
import { newHistory } from '../secrets.ts';
import type { Compose } from '../../../engine/compose.ts';
import type { Engine } from '../../../engine/engine.ts';
import { imageTag, toolsImage, type ImageSources } from '../../../platform/images.ts';
import { edgeVolume, stateVolume } from '../../../release/store.ts';
import { secretVolumeName, secretsFolder, unmadeVault, writeSecretVolume, type Vault } from '../../../release/vault.ts';
import type { Stack } from '../../../stack/stack.ts';
import type { ComposeModel } from '../../../engine/compose-model.ts';
import type { KitContent } from '../../../recovery/kit-content.ts';
import { emptyStack } from '../../../recovery/stack.ts';

interface Place {
  engine: Engine;
  compose: Compose;
  images: ImageSources;
  say(text: string): void;
}

/** The ledger, the vault and the edge's certificates: what the rest of a recovery is read from. */
export async function restoreState(place: Place, kit: KitContent): Promise<{ takenAt: string }> {
  const { engine, compose, images, say } = place;
  const stack = emptyStack(kit, { parts: { backup: optionsOf(kit) } });
  const vault: Vault = {
    ...unmadeVault,
    parts: { backup: { ...kit.secrets, history: newHistory(new Date()) } },
    volumeKey: kit.secrets.id,
  };
  const model = await agentModel(engine, images, stack, vault);
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
async function agentModel(engine: Engine, images: ImageSources, stack: Stack, vault: Vault): Promise<ComposeModel> {
  const service = backupServices(stack, vault).find(({ name }) => name === filesService);
  if (!service) throw new Error('the backups have no agent for files');
  const files = service.secretFiles;
  const volume = secretVolumeName(vault, stack.project, `${filesService}-recovery`, files);
  const owner = { uid: service.uid, gid: service.uid };
  await writeSecretVolume({ engine, project: stack.project, volume, toolsImage: toolsImage(), files, owner });
  const secrets = { type: 'volume', source: volume, target: secretsFolder, read_only: true };
  return {
    name: stack.project,
    services: {
      [filesService]: {
        ...service.definition,
        image: imageTag(service.platformImage, images),
        volumes: [...(service.definition.volumes ?? []), secrets],
      },
    },
    networks: backupNetworks(stack),
    volumes: {
      ...backupVolumes(stack),
      [edgeVolume]: { name: `${stack.project}_${edgeVolume}` },
      [volume]: { name: volume },
    },
  };
}
