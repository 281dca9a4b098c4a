// What tests spawn when they run as root, and the Debian packages that have it. Tests that can do without a program say so
// and are skipped: man, script, systemd-analyze.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const PACKAGES = {
  bash: ['bash'],
  ethtool: ['ethtool'],
  iproute2: ['ip', 'tc'],
  tcpdump: ['tcpdump'],
  tshark: ['tshark'],
  'util-linux': ['mount', 'setpriv', 'taskset', 'umount', 'unshare'],
};

const isIn = (folder, program) => {
  try {
    accessSync(join(folder, program), constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** One line: which programs are not in this PATH, and which packages have them; undefined when all are there. */
export function missingPrograms(path) {
  const folders = path.split(delimiter);
  const missing = Object.entries(PACKAGES)
    .map(([name, programs]) => [name, programs.filter((program) => !folders.some((folder) => isIn(folder, program)))])
    .filter(([, programs]) => programs.length > 0);
  if (missing.length === 0) return undefined;
  const programs = missing.flatMap(([, names]) => names).join(', ');
  const packages = missing.map(([name]) => name).join(' ');
  return `the tests need programs that are not in PATH: ${programs}; on Debian: apt-get install ${packages}`;
}
