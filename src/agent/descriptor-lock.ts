import { spawn } from 'node:child_process';
import { open, type FileHandle } from 'node:fs/promises';

/** Node has neither flock(2) nor open-file-description locks (fcntl(2)): perl has, and is part of every Debian. */
const script = `
  my ($do, $mark) = @ARGV;
  open(my $file, '<&=', 3) or die $!;
  # struct flock of fcntl(2), as 64-bit Linux has it: type, whence, start, length, process.
  sub range { pack('s s x4 q q l x4', $_[0], 0, $mark, 1, 0) }
  my ($read_lock, $write_lock, $unlock, $get_lock, $set_lock) = (0, 1, 2, 36, 37);
  exit(flock($file, 2) ? 0 : 1) if $do eq 'wait';
  exit(flock($file, 6) ? 0 : 1) if $do eq 'take';
  my $kind = $do eq 'mark' ? $read_lock : $do eq 'unmark' ? $unlock : $write_lock;
  my $range = range($kind);
  fcntl($file, $do eq 'ask' ? $get_lock : $set_lock, $range) or die $!;
  exit($do eq 'ask' && unpack('s', $range) == $unlock ? 1 : 0);
`;

/** More than a loaded machine needs to start perl, in seconds. */
const answerSeconds = 30;

/**
 * Locks of an open file, which are gone once it is closed by everyone who has it open: a child that inherits the descriptor
 * keeps them alive. Marks are single bytes that are locked for reading, which needs no more than a file that may be read.
 */
export class DescriptorLock {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string, flags: 'r' | 'a' = 'r'): Promise<DescriptorLock> {
    return new DescriptorLock(await open(path, flags));
  }

  get descriptor(): number {
    return this.#file.fd;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** flock(2); false when another has it. */
  take(): Promise<boolean> {
    return this.#asked('take');
  }

  /** flock(2), waiting: only for what is held for an instant. */
  async wait(): Promise<void> {
    if (!(await this.#asked('wait'))) throw new Error('flock failed');
  }

  async mark(mark: number): Promise<void> {
    await this.#asked('mark', mark);
  }

  async unmark(mark: number): Promise<void> {
    await this.#asked('unmark', mark);
  }

  /** Whether another process holds it: this one's own marks do not count. */
  isMarked(mark: number): Promise<boolean> {
    return this.#asked('ask', mark);
  }

  /** Not by `Programs`: the lock is also needed while the agent stops. */
  #asked(what: string, mark = 0): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const child = spawn('perl', ['-e', script, what, String(mark)], {
        stdio: ['ignore', 'ignore', 'pipe', this.#file.fd],
        timeout: answerSeconds * 1000,
        killSignal: 'SIGKILL',
      });
      let said = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
      child.once('error', reject);
      child.once('close', (code) => {
        if (code === 0 || code === 1) resolve(code === 0);
        else reject(new Error(`the lock could not be asked (${what}): ${said.trim() || `exit code ${code}`}`));
      });
    });
  }
}
