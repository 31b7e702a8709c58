import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why no certificates can be made here; undefined where they can. */
export function missingOpenssl(): string | undefined {
  return spawnSync("openssl", ["version"]).status === 0 ? undefined : "openssl is not installed";
}

export interface TestCertificateOptions {
  readonly commonName: string;
  /** Default: an hour ago. */
  readonly notBefore?: Date;
  /** Default: in a day. */
  readonly notAfter?: Date;
}

/** PEM. */
export interface TestCredentials {
  readonly key: string;
  readonly cert: string;
}

/** A certificate authority for one test run, made by the openssl command. */
export interface TestAuthority {
  /** Its own certificate, PEM. */
  readonly cert: string;
  /** A certificate for servers on localhost, 127.0.0.1 and ::1, and for clients. */
  issue(options: TestCertificateOptions): TestCredentials;
  /** Deletes its files. */
  remove(): void;
}

const CONFIGURATION = `
[ca]
default_ca = authority
[authority]
database = index
rand_serial = yes
new_certs_dir = .
default_md = sha256
policy = policy
unique_subject = no
x509_extensions = extensions
[policy]
commonName = supplied
[extensions]
subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1
[req]
distinguished_name = policy
`;

const EC_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export function createTestAuthority(commonName = "Test Authority"): TestAuthority {
  const folder = mkdtempSync(join(tmpdir(), "dunlin-pki-"));
  const openssl = (...args: string[]): Buffer =>
    execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  writeFileSync(join(folder, "openssl.cnf"), CONFIGURATION);
  writeFileSync(join(folder, "index"), "");
  const subject = ["-config", "openssl.cnf", "-subj", `/CN=${commonName}`];
  openssl("req", "-x509", ...EC_KEY, "-days", "2", ...subject, "-keyout", "ca.key", "-out", "ca.crt");
  return {
    cert: read("ca.crt"),
    issue(options) {
      const hour = 3_600_000;
      const { notBefore = new Date(Date.now() - hour), notAfter = new Date(Date.now() + 24 * hour) } =
        options;
      const validity = ["-startdate", asn1Time(notBefore), "-enddate", asn1Time(notAfter)];
      const request = ["-config", "openssl.cnf", "-subj", `/CN=${options.commonName}`, "-out", "request"];
      openssl("req", "-new", ...EC_KEY, "-keyout", "key", ...request);
      const files = ["-cert", "ca.crt", "-keyfile", "ca.key", "-in", "request", "-out", "cert", "-notext"];
      openssl("ca", "-batch", "-config", "openssl.cnf", ...validity, ...files);
      return { key: read("key"), cert: read("cert") };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** YYYYMMDDHHMMSSZ */
function asn1Time(date: Date): string {
  return `${date.toISOString().replaceAll(/[-:T]|\..*/g, "")}Z`;
}
