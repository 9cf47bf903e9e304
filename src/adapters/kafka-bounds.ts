/** What the event log on Kafka takes at most: memory, time, attempts. What an operator may change is a setting. */
export const kafkaBounds = {
  /** Of a lane, waiting and being sent. 20,000 events are what a second of full speed brings. */
  bufferEvents: 20_000,
  bufferBytes: 16_777_216,
  /** How long `publishBuffered` waits for room while Kafka can be used. */
  roomWaitMs: 250,
  /** Events of one send. */
  sendEvents: 4000,
  /** How often kafkajs repeats a send or a step of a consumer: 3 s altogether, what a broker's restart takes. */
  retries: 5,
  retryInitialMs: 100,
  retryMaxMs: 1000,
  connectMs: 5000,
  /** For an answer; a fetch may take as long as it is told to wait, and this. */
  requestMs: 10_000,
  /** A send that is not answered for so long means that Kafka cannot be used, though its retries still go on. */
  slowSendMs: 5000,
  /** Between attempts to connect, or to start a consumer again; doubled from the first to the last. */
  backoffFirstMs: 250,
  backoffLastMs: 5000,
  /** A consumer that ran so long before it ended is started again without more than the first wait. */
  steadyMs: 10_000,
  /** After so long without a heartbeat its partitions go to others. */
  sessionMs: 10_000,
  heartbeatMs: 3000,
  /** How long others wait for a member to finish its batch when partitions are dealt anew. */
  rebalanceMs: 30_000,
  /** Events handed over at once. */
  batchEvents: 500,
  /** The same for a lane while a more urgent one has work. */
  batchEventsContested: 100,
  /** How long after its last work a lane counts as having some. */
  contestedMs: 1000,
  /** How long a batch gives way to more urgent lanes at most: they may be stuck, and no lane waits for another. */
  giveWayMs: 50,
  /** A consumer without any sign of life for so long is started again. */
  stallMs: 45_000,
  stallCheckMs: 5000,
  /** Offsets are committed so long after the last event of a burst, though the commit interval is longer. */
  idleCommitMs: 500,
  /** How often a process that does not consume asks for the lag. */
  lagPollMs: 5000,
  /** For requests under way when a connection is closed. */
  disconnectMs: 1000,
  /** For sending what is buffered when the log is closed, and the same while Kafka cannot be used anyway. */
  flushMs: 3000,
  flushFaultyMs: 500,
  /** For `close`, altogether. */
  closeMs: 6000,
};

export type KafkaBounds = typeof kafkaBounds;
