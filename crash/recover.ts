import { BrokerProcess, type BrokerProcessOptions } from "./broker-process.ts";
import { violationsOf, type World } from "./world.ts";

/** Starts a broker on what is left of another one's store, and has everyone come back; tells what is wrong, and the log. */
export async function recover(
  world: World,
  options: BrokerProcessOptions,
): Promise<{ readonly problems: readonly string[]; readonly log: string }> {
  const broker = new BrokerProcess(options);
  const problems: string[] = [];
  try {
    if (await broker.listening()) {
      await world.arrive(broker.port);
      await world.settle();
    } else problems.push(`the broker did not start:\n${broker.log}`);
  } catch (error) {
    problems.push((error as Error).message);
  }
  if (broker.hasEnded) problems.push(`the broker has ended:\n${broker.log}`);
  problems.push(...violationsOf(world));
  await world.leave();
  await broker.stop();
  return { problems, log: broker.log };
}
