import type { DatabaseAct } from './step.ts';
import type { Context } from '../../deploy/context.ts';
import { retireLogins, setRoles, shareSettings } from './apply.ts';
import { switchOver } from './switchover.ts';
import { analyze, forgetCluster, rehearseUpgrade, swapIn, upgradeData } from './upgrade.ts';

export function takeDatabaseStep(context: Context, id: string, act: DatabaseAct): Promise<void> {
  switch (act.do) {
    case 'share-settings':
      return shareSettings(context);
    case 'set-roles':
      return setRoles(context);
    case 'switchover':
      return switchOver(context, id, act.to);
    case 'retire-logins':
      return retireLogins(context);
    case 'rehearse-upgrade':
      return rehearseUpgrade(context, act);
    case 'upgrade':
      return upgradeData(context, act.from);
    case 'analyze':
      return analyze(context);
    case 'swap':
      return swapIn(context, id, act);
    case 'forget-cluster':
      return forgetCluster(context);
  }
}
