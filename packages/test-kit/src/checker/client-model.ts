import type { SubscriptionChange, ViolatedRule } from "./history.ts";
import { SessionModel } from "./session-model.ts";
import type { SubscriptionSpan } from "./subscription-span.ts";

/** The broker may take itself to have been alive last this long before it crashed. */
const CLOCK_SLACK_MS = 15_000;
const NEVER_EXPIRES = 0xffffffff;

interface Connecting {
  readonly cleanStart: boolean;
  readonly expirySeconds: number;
  /** Whether there may have been a session before. */
  readonly mayResume: boolean;
}

/** A Client Identifier: its session, and the CONNECT that has not been answered. */
export class ClientModel {
  readonly clientId: string;
  session: SessionModel | undefined;
  state: "closed" | "connecting" | "connected" = "closed";
  #connecting: Connecting | undefined;
  /** Time of day of the last sign that the broker took the client for connected: the session is counted from then on. */
  #heardMs = 0;
  /** The latest time of day since. */
  #latestMs = 0;
  #nowMs: number;
  /** A crash so soon after a jump of the clock looks to the broker as if it had been down for so long. */
  #jumpedFromMs = 0;
  #jumpedToMs = Number.NEGATIVE_INFINITY;
  readonly #everySpan: SubscriptionSpan[] = [];

  constructor(clientId: string, nowMs: number) {
    this.clientId = clientId;
    this.#nowMs = nowMs;
    this.heard();
  }

  connecting(cleanStart: boolean, expirySeconds: number): void {
    this.#noteAge();
    this.#connecting = { cleanStart, expirySeconds, mayResume: this.session !== undefined };
    this.state = "connecting";
    // One may begin with this CONNECT that nobody hears of.
    this.session ??= new SessionModel(this.clientId, expirySeconds);
  }

  /** Says which rule the answer violates. */
  connected(sessionPresent: boolean): ViolatedRule | undefined {
    const { cleanStart, expirySeconds, mayResume } = this.#connecting ?? {
      cleanStart: false,
      expirySeconds: 0,
      mayResume: false,
    };
    const wasSure = this.session?.existence === "sure";
    this.#connecting = undefined;
    this.state = "connected";
    if (!sessionPresent || this.session === undefined)
      this.session = new SessionModel(this.clientId, expirySeconds);
    this.session.connected(expirySeconds);
    this.heard();
    if (sessionPresent) return cleanStart || !mayResume ? "session that should have ended" : undefined;
    return wasSure && !cleanStart ? "lost session" : undefined;
  }

  leaving(expirySeconds: number): void {
    const { session } = this;
    if (session === undefined || session.expirySeconds === 0) return;
    if (expirySeconds === 0) session.becomeUnsure();
    else session.expirySeconds = Math.min(session.expirySeconds, expirySeconds);
  }

  closed(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    const { session } = this;
    const connecting = this.#connecting;
    this.#connecting = undefined;
    if (session === undefined) return;
    if (connecting === undefined) {
      if (session.expirySeconds === 0) this.session = undefined;
      return;
    }
    // Nobody knows whether the CONNECT was heard.
    const { cleanStart, expirySeconds } = connecting;
    if (cleanStart || expirySeconds === 0 || session.expirySeconds === 0) session.becomeUnsure();
    if (session.expirySeconds === 0) session.expirySeconds = expirySeconds;
    else if (expirySeconds > 0) session.expirySeconds = Math.min(session.expirySeconds, expirySeconds);
  }

  killed(survives: "all" | "some" | "none"): void {
    this.closed();
    if (survives === "none") this.session = undefined;
    if (survives !== "some") return;
    this.session ??= new SessionModel(this.clientId, 0);
    this.session.becomeOlder(this.#everySpan);
  }

  subscribing(change: SubscriptionChange, at: number): void {
    if (this.session !== undefined) this.#everySpan.push(this.session.subscribing(change, at));
  }

  heard(): void {
    const isJustAfterJump = this.#nowMs < this.#jumpedToMs + CLOCK_SLACK_MS;
    this.#heardMs = isJustAfterJump ? Math.min(this.#jumpedFromMs, this.#nowMs) : this.#nowMs;
    this.#latestMs = this.#nowMs;
  }

  setNow(nowMs: number): void {
    if (nowMs > this.#nowMs + CLOCK_SLACK_MS) {
      this.#jumpedFromMs = this.#nowMs;
      this.#jumpedToMs = nowMs;
    }
    this.#nowMs = nowMs;
    this.#latestMs = Math.max(nowMs, this.#latestMs);
    this.#heardMs = Math.min(nowMs, this.#heardMs);
  }

  /** Whether the session may have ended by its age. */
  #noteAge(): void {
    const { session } = this;
    if (session === undefined || session.existence === "unsure" || session.expirySeconds >= NEVER_EXPIRES)
      return;
    const surelyUntil = this.#heardMs + session.expirySeconds * 1000 - CLOCK_SLACK_MS;
    if (this.#latestMs >= surelyUntil) session.becomeUnsure();
  }
}
