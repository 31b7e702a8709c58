import type { Engine } from "../delivery/engine.ts";
import type { BrokerLimits } from "../options.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { Listener, ListenerHost } from "../ports/listener.ts";
import { Connection } from "./connection.ts";
import { ChunkPool } from "./output-queue.ts";
import type { PacketWriter, TurnEnd } from "./packet-writer.ts";
import { TurnShare } from "./turn-share.ts";

/** A connection that holds less makes no room by its end: even all that may be open hold little together. */
const WORTH_CLOSING_BYTES = 8 * 1024;

/** All open connections: how many there are, and which have something to write at the end of this turn. */
export class Connections implements TurnEnd {
  readonly #engine: Engine;
  readonly #open = new Set<Connection>();
  readonly #byAddress = new Map<string, number>();
  readonly #byListener = new Map<Listener, number>();
  readonly #limits = new Map<Listener, BrokerLimits>();
  #dirty: PacketWriter[] = [];
  #flushing: PacketWriter[] = [];
  #turn = 0;
  #turnEndDue = false;
  readonly pool: ChunkPool;
  readonly share: TurnShare;
  readonly #endTurn = (): void => {
    this.#turnEndDue = false;
    this.#turn++;
    this.#flushDirty();
  };

  constructor(engine: Engine) {
    this.#engine = engine;
    this.pool = new ChunkPool(engine.arena);
    this.share = new TurnShare(engine.options, engine.counters.limits);
  }

  get size(): number {
    return this.#open.size;
  }

  /** Counts the turns of the event loop in which something was read or written. */
  get turn(): number {
    return this.#turn;
  }

  values(): IterableIterator<Connection> {
    return this.#open.values();
  }

  /** Takes a new network connection, or closes it where a limit is reached. */
  accept(stream: ByteStream): void {
    const { counters, options, memory } = this.#engine;
    const { listener, origin } = stream;
    const limits = this.#limitsOf(listener);
    const limit =
      this.#open.size >= options.limits.maximumConnections ||
      (this.#byListener.get(listener) ?? 0) >= limits.maximumConnections
        ? "maximumConnections"
        : (this.#byAddress.get(origin.remoteAddress) ?? 0) >= limits.maximumConnectionsPerAddress
          ? "maximumConnectionsPerAddress"
          : memory.exhausted
            ? "memoryBudgetBytes"
            : undefined;
    if (limit !== undefined) {
      this.#onRefused(listener, origin.remoteAddress, limit);
      stream.destroy();
      return;
    }
    counters.connectionsAccepted++;
    const connection = new Connection(this.#engine, this, stream, limits);
    this.#open.add(connection);
    counters.connectionsOpen = this.#open.size;
    counters.connectionsMaximum = Math.max(counters.connectionsMaximum, this.#open.size);
    count(this.#byAddress, origin.remoteAddress, 1);
    count(this.#byListener, listener, 1);
    stream.start(connection);
  }

  /** What a listener of this broker is told. */
  hostOf(listener: Listener): ListenerHost {
    return {
      limits: this.#limitsOf(listener),
      onRefused: ({ remoteAddress, reason, limit }) => {
        if (limit === undefined) this.#onFailed(listener, remoteAddress, reason);
        else this.#onRefused(listener, remoteAddress, limit);
      },
    };
  }

  #onRefused(listener: Listener, remoteAddress: string, limit: keyof BrokerLimits): void {
    const { counters, clientLines } = this.#engine;
    counters.limits[limit]++;
    counters.connectionsRefused++;
    clientLines.note("warn", { remoteAddress, listener: listener.name, limit }, "a connection was refused");
  }

  #onFailed(listener: Listener, remoteAddress: string, reason: string): void {
    const { counters, clientLines } = this.#engine;
    counters.connectionsFailed++;
    const fields = { remoteAddress, listener: listener.name, reason };
    clientLines.note("info", fields, "a connection failed before MQTT");
  }

  delete(connection: Connection): void {
    if (!this.#open.delete(connection)) return;
    this.#engine.counters.connectionsOpen = this.#open.size;
    count(this.#byAddress, connection.origin.remoteAddress, -1);
    count(this.#byListener, connection.listener, -1);
  }

  /** While memory is short, those that hold most of it are closed. */
  makeRoom(): void {
    const { memory } = this.#engine;
    if (!memory.exhausted) return;
    const holders = [...this.#open].filter(({ heldBytes }) => heldBytes >= WORTH_CLOSING_BYTES);
    holders.sort((one, other) => other.heldBytes - one.heldBytes);
    for (const holder of holders) {
      if (!memory.exhausted) return;
      holder.makeRoom();
    }
  }

  /** Has `connection.flush` called once all input of this turn has been read. */
  flushLater(connection: PacketWriter): void {
    this.#dirty.push(connection);
    this.#endTurnLater();
  }

  /** A connection is about to read. */
  beginRead(): void {
    this.share.begin();
    if (this.#engine.arena.full && this.#flushing.length === 0) this.#flushDirty();
    this.#endTurnLater();
  }

  #endTurnLater(): void {
    if (this.#turnEndDue) return;
    this.#turnEndDue = true;
    this.#engine.options.clock.afterTurn(this.#endTurn);
  }

  #flushDirty(): void {
    const connections = this.#dirty;
    this.#dirty = this.#flushing;
    this.#flushing = connections;
    for (let index = 0; index < connections.length; index++) connections[index]!.flush();
    connections.length = 0;
    const { arena } = this.#engine;
    // What has been read or encoded is of no use any more, but for what is held.
    if (this.#dirty.length === 0) arena.endTurn();
    // Room was made, and what had waited for it is gathered already.
    else arena.holdAll();
  }

  #limitsOf(listener: Listener): BrokerLimits {
    let limits = this.#limits.get(listener);
    if (limits === undefined) {
      limits = { ...this.#engine.options.limits, ...listener.limits };
      this.#limits.set(listener, limits);
    }
    return limits;
  }
}

function count<Key>(counts: Map<Key, number>, key: Key, change: number): void {
  const next = (counts.get(key) ?? 0) + change;
  if (next > 0) counts.set(key, next);
  else counts.delete(key);
}
