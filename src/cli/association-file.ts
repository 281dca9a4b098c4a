import { readFileSync } from 'node:fs';
import { parseAssociations } from '../ipsec/association-text.ts';
import { type SecurityAssociation, unusable } from '../ipsec/security-association.ts';
import { UsageError } from './usage-error.ts';

/** The option that names a file of security associations, and what it is. */
export const SA_OPTION = [
  '--sa <FILE>',
  'security associations for flag IPSEC besides the kernel\'s, in the notation of "ip xfrm state"; the first that fits counts',
] as const;

/** Reads a file of security associations. Throws UsageError with the lines that cannot be read, or that cannot be used. */
export function readAssociations(file: string): readonly SecurityAssociation[] {
  const { associations, faults } = parseAssociations(textOf(file));
  const problems = faults.map(({ line, message }) => `${file}:${line}: ${message}`);
  for (const association of associations) {
    const why = unusable(association);
    if (why !== undefined) problems.push(`${file}: spi 0x${association.spi.toString(16)}: ${why}`);
  }
  if (problems.length > 0) throw new UsageError(`--sa ${problems.join('\n')}`);
  return associations;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--sa ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
