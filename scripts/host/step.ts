/**
 * What a command is about to do to the machine: said in words, then done, or only said. A step that finds its work done
 * already is neither: so the same command run again ends what was cut off, and has nothing to do when all is in place.
 */

export type Step = {
  /** In the imperative: 'make /etc/vigil (0750, root:vigil)'. */
  words: string;
  due(): boolean | Promise<boolean>;
  act(): void | Promise<void>;
  /** What runs has to be started anew to see it. */
  restarts?: true;
};

/** Whether one of them is due that what runs would not see. */
export async function wantsRestart(steps: readonly Step[]): Promise<boolean> {
  for (const step of steps) if (step.restarts && (await step.due())) return true;
  return false;
}

/** Returns how many there were to do. */
export async function carryOut(
  steps: readonly Step[],
  options: { dryRun: boolean; say(line: string): void },
): Promise<number> {
  let count = 0;
  for (const step of steps) {
    if (!(await step.due())) continue;
    count += 1;
    options.say(options.dryRun ? `would ${step.words}` : step.words);
    if (!options.dryRun) await step.act();
  }
  return count;
}
