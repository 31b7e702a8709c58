import type { ConfigIssue } from "./config-issue.ts";
import type { ConfigPath } from "./config-path.ts";
import { checkExposure } from "./exposure.ts";
import type { Config } from "./schema.ts";
import { checkAddresses } from "./shared-address.ts";
import { checkTlsFiles } from "./tls-files.ts";

/** What a schema cannot say: files that must be there, and what must not be left open by accident. */
export async function checkConfig(config: Config): Promise<readonly ConfigIssue[]> {
  const issues = config.listeners.map(async (listener, index): Promise<readonly ConfigIssue[]> => {
    const path: ConfigPath = ["listeners", index];
    const tlsIssues = "tls" in listener ? await checkTlsFiles(listener.tls, [...path, "tls"]) : [];
    return [...checkExposure(listener, path, config.allowAnonymous), ...tlsIssues];
  });
  return [...checkAddresses(config.listeners), ...(await Promise.all(issues)).flat()];
}
