import { manualPage } from './manual-page.ts';
import { parameterPage } from './parameter-page.ts';

/** Pages that are made from the program itself, by their path in the project. */
export const generatedPages = (): Readonly<Record<string, string>> => ({
  'docs/parameters.md': parameterPage(),
  'docs/pktgen.1': manualPage(),
});
