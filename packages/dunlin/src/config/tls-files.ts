import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ConfigIssue } from "./config-issue.ts";
import type { ConfigPath } from "./config-path.ts";
import type { TlsConfig } from "./listener-schema.ts";

export interface TlsFiles {
  readonly key: Buffer;
  readonly cert: Buffer;
  readonly ca?: Buffer;
}

/** Reads the files of a listener whose configuration has been checked. */
export async function readTlsFiles(tls: TlsConfig): Promise<TlsFiles> {
  const [key, cert] = await Promise.all([readFile(tls.keyFile), readFile(tls.certFile)]);
  return tls.caFile === undefined ? { key, cert } : { key, cert, ca: await readFile(tls.caFile) };
}

/** What would make TLS fail at start-up, or at the first client. */
export async function checkTlsFiles(tls: TlsConfig, path: ConfigPath): Promise<readonly ConfigIssue[]> {
  const issues: ConfigIssue[] = [];
  const report = (key: keyof TlsConfig, text: string): undefined => {
    issues.push({ path: [...path, key], text });
  };
  const cert = await readPem(tls.certFile, (pem) => new X509Certificate(pem)).catch((error: Error) =>
    report("certFile", `${tls.certFile}: ${fileProblem(error, "a PEM certificate")}`),
  );
  const key = await readPem(tls.keyFile, (pem) => readKey(pem, tls.passphrase)).catch((error: Error) =>
    report(
      "keyFile",
      `${tls.keyFile}: ${fileProblem(error, "a PEM private key, or passphrase is wrong or missing")}`,
    ),
  );
  if (cert !== undefined) {
    const problem = validityProblem(cert);
    if (problem !== undefined) report("certFile", `${tls.certFile}: ${problem}`);
  }
  if (cert !== undefined && key !== undefined && !cert.checkPrivateKey(key)) {
    report("keyFile", `${tls.keyFile}: is not the key of the certificate ${tls.certFile}`);
  }
  if (tls.caFile !== undefined) {
    await readPem(tls.caFile, (pem) => new X509Certificate(pem)).catch((error: Error) =>
      report("caFile", `${tls.caFile}: ${fileProblem(error, "a PEM certificate")}`),
    );
  } else if (tls.clientCertificate !== "none") {
    report("clientCertificate", `${tls.clientCertificate} needs caFile, the authorities to trust`);
  }
  return issues;
}

async function readPem<T>(file: string, parse: (pem: Buffer) => T): Promise<T> {
  return parse(await readFile(file));
}

function readKey(pem: Buffer, passphrase: string | undefined): ReturnType<typeof createPrivateKey> {
  return createPrivateKey(passphrase === undefined ? { key: pem } : { key: pem, passphrase });
}

function fileProblem(error: NodeJS.ErrnoException, expected: string): string {
  if (error.code === "ENOENT") return "there is no such file";
  if (error.code === "EACCES") return "this user may not read it";
  return error.syscall === undefined ? `is not ${expected}` : error.message;
}

function validityProblem(cert: X509Certificate): string | undefined {
  const now = Date.now();
  if (now > Date.parse(cert.validTo)) return `expired on ${cert.validTo}; renew the certificate`;
  if (now < Date.parse(cert.validFrom))
    return `is not valid before ${cert.validFrom}; check this machine's clock`;
  return undefined;
}
