import { createPrivateKey } from "node:crypto";
import {
  createTestAuthority,
  missingOpenssl,
  skippedWithout,
  type TestAuthority,
  type TestCredentials,
} from "@dunlin/test-kit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TlsSettings, tlsServerOptions } from "./tls-settings.ts";

describe("TLS settings", skippedWithout(missingOpenssl()), () => {
  let authority: TestAuthority;
  let server: TestCredentials;

  beforeAll(() => {
    authority = createTestAuthority();
    server = authority.issue({ commonName: "localhost" });
  });
  afterAll(() => authority.remove());

  function problemOf(settings: TlsSettings, nowMs = Date.now()): string {
    try {
      tlsServerOptions("secure", settings, nowMs);
    } catch (error) {
      expect(error).toMatchObject({ name: "BrokerError", code: "DUNLIN_LISTEN" });
      const { message } = error as Error;
      expect(message).not.toContain("\n");
      expect(message).toMatch(/^listener "secure": .*; /);
      return message;
    }
    throw new Error("the settings were accepted");
  }

  test("of use become options, without client certificates and from TLS 1.2 on unless asked otherwise", () => {
    expect(tlsServerOptions("secure", server, Date.now())).toEqual({
      ...server,
      minVersion: "TLSv1.2",
      requestCert: false,
      rejectUnauthorized: false,
    });
    const clientCertificate = "require";
    const settings = { ...server, ca: [authority.cert], clientCertificate, minVersion: "TLSv1.3" } as const;
    expect(tlsServerOptions("secure", settings, Date.now())).toMatchObject({
      ca: [authority.cert],
      minVersion: "TLSv1.3",
      requestCert: true,
      rejectUnauthorized: true,
    });
  });

  test("with an encrypted key need its passphrase", () => {
    const cipher = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" } as const;
    const key = createPrivateKey(server.key).export(cipher).toString();
    expect(tlsServerOptions("secure", { ...server, key, passphrase: "secret" }, Date.now()).key).toBe(key);
    expect(problemOf({ ...server, key })).toContain("the private key cannot be read");
    expect(problemOf({ ...server, key, passphrase: "guess" })).toContain("the private key cannot be read");
  });

  test("out of date say since when or from when", () => {
    const dayMs = 86_400_000;
    expect(problemOf(server, Date.now() + 2 * dayMs)).toMatch(/"CN=localhost" expired on .* GMT; renew it/);
    expect(problemOf(server, Date.now() - dayMs)).toMatch(/"CN=localhost" is not valid before .* GMT; wait/);
  });

  test("that do not fit or cannot be read say which part", () => {
    const other = authority.issue({ commonName: "other" });
    expect(problemOf({ ...server, key: other.key })).toContain(
      'the private key is not that of "CN=localhost"',
    );
    expect(problemOf({ ...server, cert: "nonsense" })).toContain("the certificate cannot be read");
    expect(problemOf({ ...server, cert: "" })).toContain("the certificate cannot be read");
    expect(problemOf({ ...server, key: "nonsense" })).toContain("the private key cannot be read");
    expect(problemOf({ ...server, ca: "nonsense" })).toContain("a certificate in `ca` cannot be read");
    expect(problemOf({ ...server, cert: `${server.cert}-----BEGIN CERTIFICATE-----\nAAAA\n` })).toContain(
      "TLS cannot be set up",
    );
  });

  test("that ask for client certificates need authorities to check them by", () => {
    expect(problemOf({ ...server, clientCertificate: "request" })).toContain("`ca`");
    expect(problemOf({ ...server, ca: [], clientCertificate: "require" })).toContain("`ca`");
  });
});
