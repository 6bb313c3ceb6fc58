"""Every bound of the router, each with its reason. A program may pass its own `Limits`."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes are bytes, times are seconds. The defaults suit browsers and services on one machine."""

    message_bytes: int = 1 << 20
    """Largest incoming WAMP message, told in WELCOME. NATS and many WebSocket servers have 1 MiB as well."""

    write_bytes: int = 64 << 10
    """One write to a transport: what a revocation cannot take back any more (G3)."""

    transport_bytes: int = 64 << 10
    """What a transport may buffer before it pauses us; the second part of the residue of G3."""

    unsent_bytes: int = 16 << 10
    """TCP_NOTSENT_LOWAT: without it the kernel held 3.8 MB of a stalled reader, with it about 0.1 MB."""

    unread_bytes: int = 256 << 10
    """SO_RCVBUF: what a peer may send ahead of us, and so the most that one turn of the loop takes from it (R3)."""

    catch_up_bytes: int = 256 << 10
    """Queued for one session by topic sources and progressive calls; control messages wait behind at most this."""

    outbox_bytes: int = 4 << 20
    """Queued for one session in all, judged after an attempt to write: four of the largest messages (R2)."""

    outbox_messages: int = 50_000
    """The same in messages: a tiny one costs some 200 bytes of ours, so this is 10 MB at most (R2)."""

    burst_factor: int = 16
    """How far a session that reads may exceed those two for a while: to 64 MiB, as much as 256 peers can send ahead of
    us, each `unread_bytes`, for one turn of the loop (overdraft.py)."""

    stalled_factor: int = 6
    """The same for a session whose transport accepts nothing: to 24 MiB, from 96 such peers."""

    slow_consumer_grace_s: float = 2.0
    """How long a session over its bounds may accept nothing: TCP mends a lost packet within one second, mostly."""

    overdraft_s: float = 30.0
    """How long a session that reads may be over its bounds: at 2 MB/s it has read the largest burst by then."""

    close_timeout_s: float = 5.0
    """How long a GOODBYE may wait to be written and answered before the connection is reset."""

    hello_timeout_s: float = 10.0
    """For each of TLS handshake, first bytes, and from there to WELCOME, so that idle strangers hold nothing. nexus and
    Centrifugo allow 5 to 25 s."""

    idle_timeout_s: float | None = None
    """A session that neither sends nor gets a message for so long is ended. None: it may be silent for ever, and
    whether its connection still stands is the business of pings."""

    authenticator_timeout_s: float = 5.0
    """For one decision of an authenticator that answers later: below hello_timeout_s, so that the peer hears why."""

    authentications_waiting: int = 1_000
    """Peers of all realms that wait for such a decision at once: a burst of reconnecting clients, not a flood."""

    failed_attempts_per_address: int = 30
    """Wrong proofs of one address in a window: many typing mistakes behind one address, no use for guessing."""

    failed_attempts_window_s: float = 60.0
    """How long failures are remembered. With 30 in it a guesser has 43 200 tries a day."""

    addresses_with_failures: int = 10_000
    """Addresses whose failures are remembered, about 2 MB; of more the one that failed first is forgotten."""

    realms_on_demand: int = 1_000
    """Realms that are made when a client asks for them: whoever knows the pattern of their names can make more."""

    realm_idle_s: float = 60.0
    """So long an empty realm that was made on demand is kept: a client that reconnects finds what it left."""

    cookies_remembered: int = 10_000
    """Browsers that need not prove again who they are, about 5 MB; of more the one that proved it first must."""

    cookie_lifetime_s: float = 7 * 86_400.0
    """How long a cookie stands for its principal: whoever comes back within a week."""

    authid_length: int = 256
    """Characters of the authid in HELLO: an e-mail address has at most 254."""

    ping_interval_s: float = 30.0
    """A silent WebSocket peer is pinged this often: below the 60 s after which common proxies drop idle connections."""

    ping_timeout_s: float = 120.0
    """A peer that is silent for so long after a ping has gone. A reader that merely stops for a minute is kept."""

    http_head_bytes: int = 16 << 10
    """The head of an HTTP request before it is known where it goes; what picows and most servers allow."""

    rawsocket_message_bytes: int = 2048
    """The least that a RawSocket client must take: WELCOME and the longest URI in an ERROR fit."""

    uri_length: int = 1024
    """Characters of a URI: long enough for any sane name, short enough to log."""

    hello_bytes: int = 64 << 10
    """Largest message before WELCOME: HELLO and AUTHENTICATE with their proofs. A stranger makes us parse no more."""

    connections: int = 100_000
    """Connections of all listeners: 1.5 GB at 15 kB an idle one."""

    connections_per_address: int = 20_000
    """Connections of one IP address. High, because a proxy or a NAT stands for many users; one machine alone has about
    28 000 ports for us."""

    sessions_per_realm: int = 100_000
    """Open sessions of a realm, as many as connections. Services in this process are not counted against it."""

    sessions_per_authid: int | None = None
    """Open sessions of one authid. None: everybody may open as many as the realm has room for; anonymous peers share
    one authid."""

    wildcard_components: int = 16
    """Components of a wildcard pattern: each is a node of its index, some 300 bytes."""

    subscriptions_per_session: int = 10_000
    """Memory of one session. A page with one subscription an object stays far below."""

    listed_receivers: int = 1_000
    """Entries of one exclude or eligible list of PUBLISH: each is looked at for each publication."""

    retained_event_bytes: int = 64 << 10
    """One retained event with its lists: as much as one write. Bondy allows the same."""

    retained_per_topic: int = 16
    """Retained events of a topic with different lists of receivers, behind the one for everybody."""

    retained_topics: int = 4_096
    """Topics with a retained event: a pattern's SUBSCRIBE with get_retained looks at each, some ms in all."""

    retained_per_authid: int = 1_024
    """Retained events of one authid, a quarter of the topics: nobody takes them all. Services don't count."""

    retained_bytes: int = 16 << 20
    """All retained events of a realm; up to three times that when each serializer has been asked for."""

    history_events: int = 1_000
    """Events in one answer of the event history: as many as the log service has records in one."""

    history_bytes: int = 256 << 10
    """Payloads in one answer of the event history; further ones are asked for from the last publication on."""

    testaments_per_session: int = 100
    """A program sets a handful; each is published in the turn after the session's end."""

    testament_bytes: int = 256 << 10
    """One session's testaments with their lists, kept for as long as it lives: 500 bytes each, and what is in them."""

    registrations_per_session: int = 10_000
    """Memory of one session; services register tens."""

    calls_per_session: int = 10_000
    """Calls in flight of one caller; a caller with more is flooding."""

    invocations_per_session: int = 100_000
    """Calls in progress at one callee, of all its callers: some 50 MB of tables."""

    callees_per_registration: int = 1_000
    """Callees that share a procedure: a call may look at each of them."""

    queued_calls_per_registration: int = 1_000
    """Calls that wait until a callee has room: some seconds' worth; with more, its callers should hear of it."""

    calls_without_callee: int = 1_000
    """Calls of a realm that wait for their procedure to be registered: each registration looks at all of them."""

    waiting_calls_per_session: int = 200
    """One caller's part of all those queues: a fifth, so that nobody fills one alone."""

    kept_call_bytes: int = 4 << 20
    """Payloads of one caller's calls that wait, or that another callee could take over: as much as an outbox."""

    callee_wait_s: float = 60.0
    """How long a call may wait for its procedure to be registered: a service's restart."""

    timeout_grace_s: float = 5.0
    """How long after its timeout a call ends whose callee wanted to mind the time itself, and did not."""

    ended_progressive_calls: int = 100
    """Calls of one session that ended while it still sent: what comes late for them is dropped, not taken for new."""

    waiting_requests: int = 1_000
    """Requests of one session that wait behind an asynchronous authorizer."""

    waiting_request_bytes: int = 4 << 20
    """The same in bytes: as much as an outbox, four of the largest messages."""

    authorizer_timeout_s: float = 10.0
    """How long an authorizer may think before the answer is no: as long as a peer may take to say HELLO."""

    authorizer_answers: int = 20_000
    """Answers of an authorizer procedure that are remembered, some 10 MB."""

    authorizer_answer_s: float = 60.0
    """How long one is remembered at most: what an authorizer forgets to purge is mended within a minute."""

    logged_failures: int = 20
    """Failures of authorizers, authenticators, endpoints and handlers that a realm logs whole in a minute: enough to
    find the mistake, too few for a peer to fill a disk with."""

    goodbye_message_length: int = 1024
    """Characters of the message that `wamp.session.kill*` sends: one copy waits in the outbox of each session ended."""

    definitions_bytes: int = 512 << 10
    """All definitions of a realm's reflection together, as JSON: one RESULT can list them within a message."""

    listed_ids: int = 50_000
    """Ids in one answer of the meta API: with 17 digits each they fit into the largest message of the defaults."""
