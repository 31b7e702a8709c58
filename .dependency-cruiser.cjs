// The layer table of ARCHITECTURE.md, held by `npm test`. Type-only imports count.

const TEST = "([.]test[.]ts$|/test/)";

/** The layers of packages/broker/src, from the top; a file imports only from its own layer or one below. */
const brokerLayers = [
  ["1 broker", "^packages/broker/src/broker[.]ts$"],
  ["2 transport, connection", "^packages/broker/src/(transport|connection)/"],
  ["3 handlers", "^packages/broker/src/handlers/"],
  ["4 delivery, sys", "^packages/broker/src/(delivery|sys)/"],
  ["5 session, routing, storage", "^packages/broker/src/(session|routing|storage)/"],
  ["6 ports, options, errors, events, counters", "^packages/broker/src/(ports/|[a-z0-9-]+[.]ts$)"],
];

const above = (index) => brokerLayers.slice(0, index).map(([, path]) => path);

const layerRules = brokerLayers.slice(1).map(([name, path], index) => ({
  name: `broker-layer-${name.replaceAll(/[ ,]+/g, "-")}`,
  comment: `Layer ${name} knows nothing of the layers above it.`,
  severity: "error",
  from: { path, pathNot: [TEST, "^packages/broker/src/(index|broker)[.]ts$"] },
  to: { path: above(index + 1) },
}));

const forbid = (name, comment, from, to) => ({ name, comment, severity: "error", from, to });

module.exports = {
  forbidden: [
    ...layerRules,
    forbid(
      "session-and-routing-apart",
      "A session does not know who else listens; the router does not know what a session keeps.",
      { path: "^packages/broker/src/(session|routing|storage)/", pathNot: TEST },
      { path: "^packages/broker/src/(session|routing|storage)/", pathNot: "^packages/broker/src/$1/" },
    ),
    forbid(
      "broker-io-in-transport",
      "Sockets and files reach the engine only through ports, so that all of it runs under a simulated clock.",
      { path: "^packages/broker/src/", pathNot: ["^packages/broker/src/transport/", TEST] },
      {
        path: "^(node:)?(net|tls|https?|http2|fs|fs/promises|dgram|dns|child_process|worker_threads|cluster)$|(^|/)node_modules/(@types/)?ws/",
      },
    ),
    forbid(
      "protocol-depends-on-nothing",
      "The protocol runs in browsers: no package, no Node module.",
      { path: "^packages/protocol/src/", pathNot: TEST },
      { pathNot: "^packages/protocol/src/" },
    ),
    forbid(
      "broker-depends-on-protocol-only",
      "Packages point one way.",
      { path: "^packages/broker/", pathNot: TEST },
      { path: "^packages/(?!broker/|protocol/)" },
    ),
    forbid(
      "storage-depends-on-broker-and-protocol-only",
      "Packages point one way.",
      { path: "^packages/storage-lmdb/", pathNot: TEST },
      { path: "^packages/(?!storage-lmdb/|broker/|protocol/)" },
    ),
    forbid(
      "test-kit-for-tests-only",
      "The test kit is not published.",
      { pathNot: ["^packages/test-kit/", "^(conformance|crash|simulator|benchmarks|examples)/", TEST] },
      { path: "^packages/test-kit/" },
    ),
    forbid(
      "packages-by-their-front-door",
      "Another package is imported by its name; only what its index exports is its contract.",
      { path: "^packages/([^/]+)/", pathNot: TEST },
      { path: "^packages/", pathNot: ["^packages/$1/", "^packages/[^/]+/src/index[.]ts$"] },
    ),
    forbid(
      "conformance-talks-bytes",
      "A conformance test may start a broker; beyond that it sees what any client sees.",
      { path: "^conformance/" },
      { path: "^packages/", pathNot: "^packages/(protocol|broker|dunlin)/src/index[.]ts$" },
    ),
    forbid(
      "no-cycles",
      "A cycle is one module in disguise. Ports and options may name each other's types, which leaves no import.",
      {},
      { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    ),
    forbid(
      "no-orphans",
      "A file that nothing imports and that imports nothing is dead.",
      {
        orphan: true,
        pathNot: [
          TEST,
          "^(conformance|crash|simulator|benchmarks|examples)/",
          "/src/index[.]ts$",
          "/bin/",
          "[.]d[.]ts$",
        ],
      },
      {},
    ),
    forbid("no-unresolvable", "Every import exists.", {}, { couldNotResolve: true }),
    forbid(
      "no-undeclared-packages",
      "A package that is used is named in the package.json beside it.",
      { path: "^packages/", pathNot: TEST },
      { dependencyTypes: ["npm-no-pkg", "npm-unknown", "npm-dev"], pathNot: "(^|/)node_modules/@types/" },
    ),
    forbid("tests-are-leaves", "Nothing imports a test.", {}, { path: "[.]test[.]ts$" }),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)dist/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.base.json" },
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["x-source", "import", "types", "default", "node"],
      extensions: [".ts", ".mjs", ".js", ".json"],
    },
  },
};
