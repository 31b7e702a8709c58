import { storeContract } from "@dunlin/test-kit";
import { createMemoryStore } from "./memory-store.ts";

storeContract("MemoryStore", () => {
  const store = createMemoryStore();
  return { restart: () => store, remove: async () => {} };
});
