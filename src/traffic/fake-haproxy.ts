import { Duplex } from 'node:stream';
import type { RoutedService } from '../release/release.ts';
import { backendsOf, longLivedName, slotName, spareName, type Members } from './haproxy.ts';

interface FakeServer {
  fqdn: string;
  admin: number;
  sessions: number;
}

/** Forced maintenance and forced drain, from HAProxy's management guide. */
const admin = { ready: 0, maint: 1, drain: 8 } as const;

export interface FakeHaproxy {
  servers: Map<string, FakeServer>;
  /** Opens a connection, which prints a prompt after each command, in small chunks. */
  converse(): Duplex;
  /** Replaces the configuration, as a reload does. */
  load(services: RoutedService[], members: Members): void;
  readonly conversations: Duplex[];
}

/** HAProxy's runtime API in memory, as far as Horme speaks it. Test code. */
export function fakeHaproxy(services: RoutedService[], members: Members): FakeHaproxy {
  const servers = new Map<string, FakeServer>();
  const conversations: Duplex[] = [];

  function load(wanted: RoutedService[], known: Members): void {
    servers.clear();
    for (const { name, slots } of backendsOf(wanted)) {
      for (let index = 0; index < slots; index += 1) {
        const member = known[name]?.[index];
        const server = { fqdn: member ?? spareName, admin: member ? admin.ready : admin.maint, sessions: 0 };
        for (const proxy of [name, longLivedName(name)]) servers.set(`${proxy}/${slotName(index)}`, { ...server });
      }
    }
  }

  function answer(command: string): string {
    const [verb, what, place = '', key = '', value = ''] = command.trim().split(' ');
    if (verb === 'show' && what === 'servers') return serversState(servers);
    if (verb === 'show' && what === 'stat') return stats(servers);
    if (verb !== 'set') return '';
    const server = servers.get(place);
    if (!server) return 'No such server.\n';
    if (key === 'fqdn') server.fqdn = value;
    if (key === 'state') server.admin = admin[value as keyof typeof admin];
    return '';
  }

  function converse(): Duplex {
    const stream: Duplex = new Duplex({
      read: () => undefined,
      write: (line: Buffer, _encoding, done) => {
        for (const command of line.toString().split(';')) inPieces(stream, `${answer(command)}\n> `);
        done();
      },
    });
    conversations.push(stream);
    return stream;
  }

  load(services, members);
  return { servers, converse, load, conversations };
}

function inPieces(stream: Duplex, text: string): void {
  for (let at = 0; at < text.length; at += 700) {
    const piece = text.slice(at, at + 700);
    setImmediate(() => void stream.push(piece));
  }
}

function serversState(servers: FakeHaproxy['servers']): string {
  const rows = [...servers].map(([place, { fqdn, admin: state }]) => `1 ${place.replace('/', ' ')} ${fqdn} ${state}`);
  return ['1', '# be_id be_name srv_name srv_fqdn srv_admin_state', ...rows, ''].join('\n');
}

function stats(servers: FakeHaproxy['servers']): string {
  const rows = [...servers].map(
    ([place, { sessions, admin: state }]) =>
      `${place.replace('/', ',')},0,${sessions},${10 + sessions},9,0,0,1,0,L4OK,,${state === 1 ? 'MAINT' : 'UP'},`,
  );
  const head =
    'pxname,svname,qcur,scur,stot,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,check_status,check_code,status,';
  return [`# ${head}`, ...rows, ''].join('\n');
}
