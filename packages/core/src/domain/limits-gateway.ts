/** Bounds of the gateway: its data path and what controls it. Part of `LIMITS`. */
import { hour, KiB, MiB, minute, second } from "./units.ts";

export const GATEWAY_LIMITS = {
  /** The data path of the gateway, in each worker. */
  proxy: {
    /** Bytes of one head, request or answer. Beyond: `invalid/headers`, `unavailable/upstream`. */
    maxHeadBytes: 32 * KiB,
    /** Bytes of a request's target. Beyond: `invalid/target`. */
    maxTargetBytes: 8 * KiB,
    /** Header lines of one head. Beyond: `invalid/headers`, `unavailable/upstream`. */
    maxHeaders: 128,
    /** Bytes of the extensions of one chunk. Beyond: `invalid`. */
    maxChunkExtensionBytes: 256,
    /** Bytes of all trailers of a message. Beyond: `invalid/headers`. */
    maxTrailerBytes: 8 * KiB,
    /** Clients' connections. Beyond: an idle one is closed, else the new one. */
    maxConnections: 8192,
    /** Requests that wait for their answer or its end. Beyond, by their priority at 60 and 90 % of it: `exhausted/overload`. */
    maxInFlight: 4096,
    /** WebSockets that do not count as such requests. Beyond: they do. */
    maxTunnels: 8192,
    /** When each turn of a worker's loop takes longer than this, some requests are refused: `exhausted/overload`. */
    shedDelayMs: 100,
    /** Time between two looks at that. */
    shedEveryMs: 100,
    /** How often a request may come through a gateway: a route may lead back to it. Beyond: `unavailable/upstream`. */
    maxHops: 4,
    /** Connections to one backend. Beyond: requests wait for one. */
    maxUpstreamConnections: 512,
    /** Connections to one backend that are kept for later. More are closed. */
    maxUpstreamIdle: 128,
    /** Requests that wait for a connection to one backend. Beyond: `exhausted/overload`. */
    maxWaiting: 1024,
    /** Interim answers (1xx) before an answer. Beyond: 502. */
    maxInterims: 16,
    /** Addresses of one name that are tried. More are left out. */
    maxAddresses: 4,
    /** The buffer that all connections read into, one after another; so much of one body is on its way at most. */
    readBufferBytes: 128 * KiB,
    /** So much of it is used for an answer whose reader is slow: what he does not take is kept. */
    slowReadBytes: 32 * KiB,
    /** Buffers like it that are kept for what was not taken. More are thrown away. */
    maxSpareBuffers: 64,
    /** A body up to this goes to the client in one write with its head. */
    smallBodyBytes: 8 * KiB,
    /** A request's head must be complete within this from its first byte; the first also from the connection. */
    clientHeadMs: 10 * second,
    /** A request's body that stands still so long is given up. */
    clientBodyIdleMs: 60 * second,
    /** A client that takes nothing of its answer for so long is cut off. */
    clientReadIdleMs: 60 * second,
    /** A client's connection without a request is closed after this. */
    keepAliveMs: 60 * second,
    /** Names that are resolved at once: each takes a thread. More wait. */
    maxLookups: 16,
    /** Names that wait to be resolved. Beyond: `exhausted/overload`. */
    maxWaitingLookups: 256,
    /** A name must be resolved within this, unless it was before. Beyond: `unavailable/timeout`. */
    lookupMs: 5 * second,
    /** Addresses of a name are used for so long before it is resolved again. */
    nameMs: 5 * second,
    /** When that fails or takes longer than `stalePatienceMs`, the old ones are used while they are not older than this. */
    staleNameMs: 5 * minute,
    /** @see staleNameMs */
    stalePatienceMs: 500,
    /** A name that has no address is not resolved again for this. */
    missingNameMs: 1 * second,
    /** Names that are remembered. The oldest goes. */
    maxNames: 1024,
    /** A connection to one address must be there within this. Beyond: `unavailable/timeout`. */
    connectMs: 5 * second,
    /** The next address of a name is tried beside the one that has not answered after this. */
    nextAddressMs: 250,
    /** A request must have a connection to one backend within this, waiting included. Beyond: `unavailable/timeout`. */
    connectionMs: 10 * second,
    /** A backend that could not be connected to is asked after the others for this. */
    avoidMs: 5 * second,
    /** An upstream must begin its answer within this after the request's end. Beyond: `unavailable/timeout`. */
    upstreamHeadMs: 60 * second,
    /** An answer's body that stands still so long is cut off. */
    upstreamBodyIdleMs: 60 * second,
    /** A connection to a backend is kept without a request for this. Shorter than what common servers keep. */
    upstreamIdleMs: 4 * second,
    /** A connection to a backend is not used again when it is older: names may have moved. */
    upstreamAgeMs: 5 * minute,
    /** Who has closed his side waits so long for the beginning of his answer, or for more through a tunnel. Then he counts as gone. */
    halfClosedMs: 10 * second,
    /** A tunnel (WebSocket) through which nothing goes for so long is cut. */
    tunnelIdleMs: 1 * hour,
    /** After the last answer a client has so long to take it and close its side. */
    lingerMs: 2 * second,
    /** Time between two looks at what is overdue. */
    sweepEveryMs: 250,
  },
  /** HTTP/2 connections of the data path, of clients and to upstreams. A rule that is broken ends a stream or its connection. */
  http2: {
    /** Streams that a peer may have open at once. Beyond: REFUSED_STREAM. */
    maxStreams: 128,
    /** Bytes of a header block as it is sent. Beyond: ENHANCE_YOUR_CALM. */
    maxBlockBytes: 64 * KiB,
    /** CONTINUATION frames of one header block. Beyond: ENHANCE_YOUR_CALM. */
    maxContinuations: 16,
    /** Bytes of the names and values of one head, each 32 more (RFC 9113 6.5.2). Beyond: `invalid/headers`. */
    maxListBytes: 36 * KiB,
    /** Fields of one head, pseudo headers too. Beyond: `invalid/headers`. */
    maxFields: 132,
    /** Bytes of a stream that its peer may send before they are taken: at first. */
    streamWindowBytes: 64 * KiB,
    /** When they are taken as fast as they come; so many bytes are kept at most. */
    maxStreamWindowBytes: 512 * KiB,
    /** Bytes of all streams of a connection, likewise. To upstreams it bounds what is on its way, not what is kept. */
    connectionWindowBytes: 1024 * KiB,
    /** Frames of each useless kind within `nuisanceMs`, and as many more as there was useful work. Beyond: ENHANCE_YOUR_CALM. */
    maxNuisances: 256,
    /** @see maxNuisances */
    nuisanceMs: 10 * second,
    /** Bytes of answers to frames that wait for a peer that does not read. Beyond: ENHANCE_YOUR_CALM. */
    maxWaitingBytes: 64 * KiB,
    /** A header block must come to its end within this. Beyond: ENHANCE_YOUR_CALM. */
    blockMs: 10 * second,
    /** A peer must confirm our settings within this. Beyond: SETTINGS_TIMEOUT. */
    settingsMs: 10 * second,
    /** An upstream that answers before a request's end resets its stream within this. Then we do. */
    earlyAnswerMs: 250,
    /** After a GOAWAY streams that were on their way are taken for so long, unless the client says that none are. */
    goAwayMs: 1 * second,
  },
  /** Who may come in by a route, and how much: in each worker. */
  guard: {
    /** Rates of one route. Beyond: `invalid`. */
    maxRateRules: 8,
    /** Requests that a rate takes in its time, and at once. */
    maxRateRequests: 1_000_000,
    /** Buckets that are remembered, 24 bytes each. Beyond: the one that is nearest to full is forgotten. */
    rateSlots: 128 * KiB,
    /** What was spent is told to the other workers after this. */
    shareMs: 10,
    /** Buckets of which it is told at once. The rest comes with the next message. */
    maxShared: 1000,
    /** Messages of that that have not gone to one worker. Beyond: they are left out. */
    maxUnshared: 16,
  },
  /** Routes below HTTP, in each worker. */
  l4: {
    /** Connections of clients. Beyond: the new one is reset. */
    maxConnections: 8192,
    /** Of them, through one route. */
    maxRouteConnections: 6144,
    /** Ports that are listened on, all routes together. Routes beyond say so in their status. */
    maxPorts: 512,
    /** The buffer that connections read into that carry little. */
    sharedBufferBytes: 64 * KiB,
    /** A read of at least so much makes a connection one that carries much: it reads into a buffer of its own. */
    bulkReadBytes: 8 * KiB,
    /** @see bulkReadBytes */
    bulkBufferBytes: 128 * KiB,
    /** Buffers for those. Beyond: what they read is copied. */
    maxBulkBuffers: 256,
    /** Sessions of UDP. Beyond: the oldest that had no answer gives way, else the datagram is dropped. */
    maxSessions: 4096,
    /** Of them, through one route. */
    maxRouteSessions: 3072,
    /** A session without an answer goes after this. */
    unansweredMs: 30 * second,
    /** One through which nothing goes for so long. */
    sessionIdleMs: 2 * minute,
    /** Datagrams of one session that wait for the backend's name. Beyond: dropped. */
    maxEarlyDatagrams: 8,
    /** Bytes of the PROXY protocol's head, with its extensions. Beyond: the connection is reset. */
    maxProxyHeaderBytes: 2 * KiB,
    /** It must be there within this. */
    proxyHeaderMs: 5 * second,
    /** Bytes of a ClientHello, and records that it is spread over. Beyond: whoever ends TLS says what is wrong. */
    maxHelloBytes: 16 * KiB,
    /** @see maxHelloBytes */
    maxHelloRecords: 32,
    /** On a port of several protocols: who says nothing for so long waits for the server to speak. */
    silenceMs: 1 * second,
    /** What is spoken there must be known within this. */
    detectMs: 10 * second,
    /** Addresses of one name that are tried. */
    maxAddresses: 4,
    /** The next address of a name is tried beside the one that has not answered after this. */
    nextAddressMs: 250,
    /** A connection to the backend must be there within this, name and all addresses included. Beyond: the client is reset. */
    connectMs: 10 * second,
    /** A connection through which nothing goes for so long is reset. */
    idleMs: 1 * hour,
    /** The same when one side has sent its end. */
    halfClosedMs: 10 * minute,
    /** Connections of a route that was removed end within this. */
    drainMs: 30 * second,
    /** Time between two looks at what is overdue. */
    sweepEveryMs: 250,
    /** Time between two looks at what the kernel may forward, and has. */
    kernelLookMs: 5 * second,
    /** A call of nft must be over by then. */
    kernelCallMs: 5 * second,
    /** Of what it prints. */
    maxKernelAnswerBytes: 4 * MiB,
    /** Routes that are gone whose connections the kernel ends. The oldest is forgotten. */
    maxEndedRoutes: 64,
    /** A port that cannot be had is tried again after this. */
    retryPortMs: 2 * second,
  },
  gateway: {
    /** Attempts of a transaction whose compares do not hold. Beyond: `conflict`. */
    maxTransactionAttempts: 8,
    /** Longest path prefix of a route, in characters. */
    maxRoutePath: 256,
    /** Routes of one project. Beyond: `exhausted/quota`. */
    maxRoutesPerProject: 1000,
    /** Upstreams of one project. Beyond: `exhausted/quota`. */
    maxUpstreamsPerProject: 500,
    /** Backends of one upstream. Beyond, here and below: `invalid`. */
    maxBackends: 64,
    /** Variants of one split. */
    maxVariants: 8,
    /** Weight of a backend, or of a variant. */
    maxWeight: 1000,
    /** A cookie by which clients come back lasts so long at most: browsers keep none for longer. */
    maxStickySeconds: 400 * 24 * 3600,
    /** Tags of a backend, and those that a route asks for. */
    maxTags: 16,
    /** Headers, query parameters and cookies that one route asks for. Beyond, here and below: `invalid`. */
    maxConditions: 8,
    /** Methods of one route. */
    maxMethods: 16,
    /** Characters of the name of a header, query parameter or cookie in a route. */
    maxConditionName: 64,
    /** Characters of its value. */
    maxConditionValue: 256,
    /** A ticket for answers that say which route has decided is good for so long. */
    explainTicketMs: 10 * minute,
    /** Routes that one explanation of a decision tells of, besides the one that has won. */
    maxExplainSteps: 100,
    /** Routes of one project whose path is a pattern: those of a host are tried one after another. Beyond: `exhausted/quota`. */
    maxPatternRoutesPerProject: 64,
    /** Characters of a pattern (regular expression) in a route. Beyond, here and below: `invalid`. */
    maxPattern: 256,
    /** Groups of a pattern that lie in each other. */
    maxPatternDepth: 16,
    /** The largest number in a counted repetition of a pattern. */
    maxPatternRepeat: 100,
    /** Nodes of a pattern's automaton before it is made deterministic. */
    maxPatternNodes: 1000,
    /** States of it after. */
    maxPatternStates: 1000,
    /** Cells of its table: states times kinds of characters, two bytes each. */
    maxPatternTable: 16 * KiB,
    /** Steps that making it takes; so many take a few milliseconds. */
    maxPatternWork: 200_000,
    /** Worker processes. */
    maxWorkers: 64,
    /** The ports of a daemon that was killed are free within this: its workers end. */
    freePortMs: 2 * second,
    /** A worker must serve within this after its start. */
    startMs: 10 * second,
    /** Every live worker must run a change within this. Beyond: `unavailable/timeout`. */
    activateMs: 10 * second,
    /** A worker that is behind the routing table for so long is replaced. */
    lagMs: 2 * second,
    /** Time between two questions whether a worker still works. */
    pingMs: 5 * second,
    /** Questions in a row that a worker leaves unanswered. Then it is replaced. */
    maxUnanswered: 3,
    /** So many ends of workers within `tellEndsMs` are told in the status: one that was replaced is no trouble. */
    tellEndsFrom: 3,
    /** @see tellEndsFrom */
    tellEndsMs: 10 * minute,
    /** So many ends are remembered. */
    maxEnds: 100,
    /** First and longest pause before a worker that ended is replaced. */
    minRestartMs: 100,
    /** @see minRestartMs */
    maxRestartMs: 10 * second,
    /** A connection of a worker to the server of static sites is kept so long without a request. */
    siteKeepAliveMs: 60 * second,
    /** Answers of static sites at once, of all workers. Beyond: 503. */
    maxSiteAnswers: 2048,
    /** Of them, those that read ahead in large pieces: who reads slowly holds two of them. The others get small ones. */
    maxLargeSiteAnswers: 32,
    /** Time between two reports of a worker that has something to tell. */
    reportMs: 1 * second,
    /** Upstreams of which one report tells. The others come with the next ones. */
    upstreamsPerReport: 100,
    /** The same of routes. */
    routesPerReport: 100,
    /** Failed requests that one worker tells of between two reports. The rest is only counted. */
    failuresPerReport: 10,
    /** Bytes of the access log in the files of all workers together. The oldest lines go. */
    accessLogBytes: 256 * MiB,
    /** Files of each worker, the present one included. */
    accessFiles: 4,
    /** Smallest file of the access log, however many workers share the bytes. */
    minAccessFileBytes: 1 * MiB,
    /** The access log is written when so much of it waits, or after this time. A worker that is killed loses it. */
    accessBufferBytes: 64 * KiB,
    /** @see accessBufferBytes */
    accessFlushMs: 1 * second,
    /** Bytes of the access log that wait for the disk. Beyond: lines are dropped and counted. */
    maxAccessPendingBytes: 1 * MiB,
    /** Longest path in the access log, in characters; the rest is cut. */
    maxLoggedPath: 2048,
    /** Longest line of the access log; a piece that is longer is no line. */
    maxAccessLineBytes: 16 * KiB,
    /** Most lines of the access log that are looked for in its past, and the bytes of each worker that are looked at for them. */
    maxAccessTail: 10_000,
    /** @see maxAccessTail */
    maxAccessScanBytes: 64 * MiB,
    /** Time between two looks for new lines while somebody follows the access log. */
    accessFollowMs: 250,
    /** Bytes of one worker's lines that a follower takes at a look. The rest comes with the next one, at once. */
    accessFollowBytes: 256 * KiB,
    /** A worker that ends waits so long for the access log. */
    accessCloseMs: 1 * second,
    /** Networks and lists that one route allows, and blocks. Beyond: `invalid`. */
    maxAccessEntries: 256,
    /** Of them, lists. */
    maxAccessLists: 16,
    /** Networks of one list. Beyond, here and below: `invalid/too-large`. */
    maxIpListNetworks: 150_000,
    /** Characters of one list: 100,000 networks of IPv6 as they are written at their longest. */
    maxIpListLength: 4 * MiB,
    /** Characters of all lists of one project. Beyond, here and below: `exhausted/quota`. */
    maxIpListsLength: 8 * MiB,
    /** Lists of networks of one project. */
    maxIpListsPerProject: 50,
    /** Lists with more characters are shown without what stands in them where many are shown. */
    maxIpListShown: 8 * KiB,
    /** Connections that wait to be accepted by one worker, or by what serves static sites. Beyond: the kernel refuses them. */
    backlog: 4096,
    /** A TLS handshake must be over by then. */
    handshakeMs: 10 * second,
    /** Bytes of a ClientHello, and records that it is spread over. Beyond: the connection is closed. */
    maxHelloBytes: 16 * KiB,
    /** @see maxHelloBytes */
    maxHelloRecords: 32,
    /** Names two and more labels below a wildcard that one worker asks a certificate for. Beyond: the default one. */
    deepCertificatesPerSecond: 5,
    /** Names whose certificate one worker waits for. Beyond: the handshake gets the default one. */
    maxWaitingCertificates: 1000,
    /** Certificates that are kept in memory. The oldest goes. */
    maxCertificates: 10_000,
    /** Of those, how many one worker holds ready for handshakes, at 35 KB each. The oldest is made anew when it is asked for. */
    maxHandshakeContexts: 2000,
    /** How long a certificate holds, and how old one may get before another is made. */
    certificateMs: 90 * 24 * hour,
    /** @see certificateMs */
    renewCertificateMs: 30 * 24 * hour,
    /** Certificates that people bring. Beyond: `exhausted/quota`. */
    maxCertificatesPerProject: 500,
    /** Certificates of one chain. Beyond: `invalid`. */
    maxChain: 10,
    /** Characters of a chain, a key and an OCSP response (base64). Beyond: `invalid`. */
    maxChainLength: 64 * KiB,
    /** @see maxChainLength */
    maxKeyLength: 16 * KiB,
    /** @see maxChainLength */
    maxOcspLength: 32 * KiB,
    /** Host names of one certificate. Beyond: `invalid`. */
    maxCertificateNames: 100,
    /** Authorities of clients that one route has. Beyond: `invalid`. */
    maxClientAuthorities: 20,
    /** Characters of a revocation list. Beyond: `invalid`. */
    maxCrlLength: 128 * KiB,
    /** Routes of one host whose authorities change together. Beyond: `conflict`. */
    maxChangedTogether: 50,
    /** Shorter keys are weak, longer ones cost a server too much. */
    minRsaBits: 2048,
    /** @see minRsaBits */
    maxRsaBits: 4096,
    /** So far clocks of those who issue may be ahead. */
    clockToleranceMs: 5 * minute,
    /** So long before its end a certificate is warned of. */
    warnBeforeExpiryMs: 30 * 24 * hour,
    /** How long the certificate of our own authority holds. */
    authorityMs: 10 * 365 * 24 * hour,
  },
} as const;
