-- One series for SQLite and PostgreSQL. Portable types only: TEXT ids (UUIDv7) and JSON, BIGINT milliseconds since the
-- Unix epoch and flags (0 or 1), DOUBLE PRECISION. Nothing is ordered by an id.

-- Facts about this installation: the key of the tombstone hashes, the instance name.
CREATE TABLE installation (
    name  TEXT PRIMARY KEY, -- what the fact is
    value TEXT NOT NULL     -- its value; never shown
);

-- Numbers that are taken under a lock, so that no late commit is skipped ('register' is the register's change number).
CREATE TABLE counter (
    name  TEXT PRIMARY KEY,  -- which series
    value BIGINT NOT NULL    -- the last number given out
);
INSERT INTO counter (name, value) VALUES ('register', 0), ('case', 0);

-- Who may do a thing that only one replica may do at a time.
CREATE TABLE lease (
    name     TEXT PRIMARY KEY,        -- 'source:NAME', 'register:NAME', 'pipeline', 'follow_up'
    token    TEXT NOT NULL,           -- fencing token of the holder; every write under the lease names it
    until_at BIGINT NOT NULL          -- when it ends, by the database's clock
);

-- Where each source stands. The cursor moves only in the transaction that stores what it passed.
CREATE TABLE source_state (
    source            TEXT PRIMARY KEY,           -- configured name
    cursor            TEXT NOT NULL,              -- the connector's own position, opaque here
    epoch             BIGINT NOT NULL,            -- rises with every move; compare-and-set guard
    next_at           BIGINT NOT NULL,            -- when it is due
    backfilled        BIGINT NOT NULL,            -- 1 after the first complete poll; until then nothing alerts
    first_success_at  BIGINT,                     -- first complete answer; before it nothing was heard
    last_success_at   BIGINT,                     -- last complete answer
    last_item_at      BIGINT,                     -- last time it brought anything new
    failures          BIGINT NOT NULL,            -- failed polls in a row
    failing_since     BIGINT,                     -- start of the present trouble
    failure_kind      TEXT,                       -- what kind of trouble
    failure_message   TEXT,                       -- what to do about it; no secrets, no personal data
    suspended         BIGINT NOT NULL,            -- 1 while only probed slowly because a person must act
    empty_polls       BIGINT NOT NULL             -- complete answers without any item in a row
);

-- Allowances that outlive a restart: calls per day or year.
CREATE TABLE quota_use (
    name         TEXT NOT NULL,   -- 'source:NAME:day' or ':year'
    window_start BIGINT NOT NULL, -- start of the period
    used         BIGINT NOT NULL, -- calls made in it
    PRIMARY KEY (name, window_start)
);

-- Times in which a source was not heard; never a silent hole.
CREATE TABLE listening_gap (
    id      TEXT PRIMARY KEY,
    source  TEXT NOT NULL,   -- configured name
    from_at BIGINT NOT NULL, -- last moment that is surely covered
    to_at   BIGINT,          -- first moment covered again; null while it lasts
    reason  TEXT NOT NULL    -- in words, with the failure kind
);
CREATE INDEX listening_gap_open ON listening_gap (source, to_at);

-- Requests to a webhook that were stored, so that one sent again is not stored again. Kept for a day.
CREATE TABLE webhook_seen (
    source  TEXT NOT NULL,   -- configured name
    id      TEXT NOT NULL,   -- the sender's id of the request
    seen_at BIGINT NOT NULL, -- when it was stored
    PRIMARY KEY (source, id)
);
CREATE INDEX webhook_seen_at ON webhook_seen (seen_at);

-- An account on a source. Erasable alone.
CREATE TABLE author (
    id           TEXT PRIMARY KEY,
    source       TEXT NOT NULL,       -- configured name
    external_id  TEXT NOT NULL,       -- the source's own id
    handle       TEXT,                -- without leading @
    display_name TEXT,                -- untrusted
    audience     BIGINT,              -- followers; null where unknown
    seen_at      BIGINT NOT NULL,     -- last time these values were read
    UNIQUE (source, external_id)
);

-- One public statement. Its words stand in mention_revision.
CREATE TABLE mention (
    id            TEXT PRIMARY KEY,
    source        TEXT NOT NULL,    -- configured name
    external_id   TEXT NOT NULL,    -- the source's own id; opaque
    kind          TEXT NOT NULL,    -- post, review, article, message
    author_id     TEXT NOT NULL,    -- row in author
    url           TEXT,             -- where a person can read it
    reply_to      TEXT,             -- external id of what it answers, same source
    published_at  BIGINT,           -- when the source says it was said; null where unbelievable
    seen_at       BIGINT NOT NULL,  -- when we stored it
    revision      BIGINT NOT NULL,  -- current revision, from 1
    decided       BIGINT NOT NULL,  -- last revision a decision was written for; 0 for none
    waiting       BIGINT NOT NULL,  -- 1 while revision > decided: the pipeline's work list
    trouble       BIGINT NOT NULL,  -- times the pipeline failed on it; at 3 it is parked for a person
    backfill      BIGINT NOT NULL,  -- 1 when it came with a first poll: assessed, never alerted
    own_voice     BIGINT NOT NULL,  -- 1 when one of our own accounts said it
    removed_at    BIGINT,           -- when the source removed it; its words are gone from here too
    UNIQUE (source, external_id)
);
CREATE INDEX mention_waiting ON mention (seen_at) WHERE waiting = 1;
CREATE INDEX mention_reply ON mention (source, reply_to);
CREATE INDEX mention_author ON mention (author_id);
CREATE INDEX mention_seen ON mention (seen_at);

-- The words of a mention, one row per edit. Erasable alone.
CREATE TABLE mention_revision (
    mention_id   TEXT NOT NULL,
    revision     BIGINT NOT NULL,   -- from 1
    content_hash TEXT NOT NULL,     -- of everything an edit can change
    title        TEXT,
    text         TEXT NOT NULL,
    language     TEXT,              -- what the platform claims
    rating       DOUBLE PRECISION,  -- score given
    rating_best  DOUBLE PRECISION,  -- best score of that scale
    likes        BIGINT NOT NULL,
    shares       BIGINT NOT NULL,
    replies      BIGINT NOT NULL,
    reference    TEXT,              -- identifier attached by the source
    has_media    BIGINT NOT NULL,
    flags        TEXT NOT NULL,     -- JSON array
    edited_at    BIGINT,            -- when the source says it changed
    seen_at      BIGINT NOT NULL,   -- when we stored this revision
    PRIMARY KEY (mention_id, revision),
    UNIQUE (mention_id, content_hash)
);

-- Removed at the source: beats any late page. Keyed, so that the id itself need not be kept.
CREATE TABLE tombstone (
    source   TEXT NOT NULL,
    id_hash  TEXT NOT NULL,   -- HMAC of the external id
    at       BIGINT NOT NULL,
    PRIMARY KEY (source, id_hash)
);

-- What could not be understood, as raw bytes in hexadecimal, with the reason.
CREATE TABLE quarantine (
    id       TEXT PRIMARY KEY,
    source   TEXT NOT NULL,
    raw_hash TEXT NOT NULL,    -- of the raw bytes: the same broken item is kept once
    raw      TEXT NOT NULL,    -- hexadecimal, cut at the item limit
    reason   TEXT NOT NULL,    -- what did not fit; no content of the item
    seen_at  BIGINT NOT NULL,
    UNIQUE (source, raw_hash)
);

-- Where each register (CRM) stands.
CREATE TABLE register_state (
    register         TEXT PRIMARY KEY,  -- configured name
    cursor           TEXT NOT NULL,     -- the connector's own position
    last_success_at  BIGINT,            -- last good answer
    last_complete_at BIGINT,            -- end of the last complete pass; null before the first
    next_at          BIGINT NOT NULL,
    failures         BIGINT NOT NULL,
    failing_since    BIGINT,
    failure_kind     TEXT,
    failure_message  TEXT,
    suspended        BIGINT NOT NULL
);

-- A customer in the register.
CREATE TABLE contact (
    id              TEXT PRIMARY KEY,    -- 'REGISTER:EXTERNAL_ID'
    register        TEXT NOT NULL,
    external_id     TEXT NOT NULL,
    name            TEXT NOT NULL,
    email           TEXT,
    phone           TEXT,
    customer_number TEXT,
    city            TEXT,
    handles         TEXT NOT NULL,       -- JSON array of 'network:handle' that the customer gave us
    customer_since  BIGINT,
    content_hash    TEXT NOT NULL,       -- so that an unchanged row is not written again
    changed_seq     BIGINT NOT NULL,     -- register change number
    deleted         BIGINT NOT NULL
);

-- Ways to find a contact, folded: handle, email, phone, number, name.
CREATE TABLE contact_key (
    contact_id TEXT NOT NULL,
    kind       TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (kind, value, contact_id)
);
CREATE INDEX contact_key_contact ON contact_key (contact_id);

-- A ticket (incident) in the register.
CREATE TABLE ticket (
    id           TEXT PRIMARY KEY,   -- 'REGISTER:EXTERNAL_ID'
    register     TEXT NOT NULL,
    external_id  TEXT NOT NULL,
    number       TEXT NOT NULL,      -- what people call it
    url          TEXT,
    subject      TEXT NOT NULL,
    body         TEXT NOT NULL,
    status       TEXT NOT NULL,      -- open, pending, solved, closed
    priority     TEXT NOT NULL,      -- low, normal, high, urgent
    contact_id   TEXT,
    problem_id   TEXT,               -- link made in the CRM
    product      TEXT,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    solved_at    BIGINT,
    opened_for   TEXT,               -- mention that we opened it for, by our marker in its text
    content_hash TEXT NOT NULL,
    changed_seq  BIGINT NOT NULL,
    deleted      BIGINT NOT NULL
);
CREATE INDEX ticket_opened_for ON ticket (opened_for) WHERE opened_for IS NOT NULL;
CREATE INDEX ticket_changed ON ticket (changed_seq);
CREATE INDEX ticket_contact ON ticket (contact_id);
CREATE INDEX ticket_problem ON ticket (problem_id);
CREATE INDEX ticket_number ON ticket (number);

-- What was said on a ticket.
CREATE TABLE ticket_answer (
    id          TEXT PRIMARY KEY,    -- 'REGISTER:EXTERNAL_ID'
    ticket_id   TEXT NOT NULL,
    by_agent    BIGINT NOT NULL,     -- 1 for staff, 0 for the customer
    public      BIGINT NOT NULL,     -- 1 when the customer can read it
    body        TEXT NOT NULL,
    at          BIGINT NOT NULL,
    changed_seq BIGINT NOT NULL
);
CREATE INDEX ticket_answer_ticket ON ticket_answer (ticket_id, at);

-- A problem: the cause behind tickets.
CREATE TABLE problem (
    id           TEXT PRIMARY KEY,   -- 'REGISTER:EXTERNAL_ID'
    register     TEXT NOT NULL,
    external_id  TEXT NOT NULL,
    number       TEXT NOT NULL,      -- what people call it
    url          TEXT,
    title        TEXT NOT NULL,
    description  TEXT NOT NULL,
    status       TEXT NOT NULL,      -- open, explained, fixed, closed
    workaround   TEXT,
    owner        TEXT,               -- who can act
    owner_email  TEXT,
    opened_at    BIGINT NOT NULL,
    fixed_at     BIGINT,
    content_hash TEXT NOT NULL,
    changed_seq  BIGINT NOT NULL,
    deleted      BIGINT NOT NULL
);
CREATE INDEX problem_changed ON problem (changed_seq);

-- What we made of a revision.
CREATE TABLE assessment (
    mention_id  TEXT NOT NULL,
    revision    BIGINT NOT NULL,
    version     TEXT NOT NULL,            -- of rules and models
    relevant    BIGINT NOT NULL,          -- 1 when it is about us
    brand       TEXT,                     -- which brand
    language    TEXT,                     -- nl, en, …; null for unknown
    class       TEXT NOT NULL,            -- complaint, question, praise, other, unknown
    probability DOUBLE PRECISION NOT NULL,-- of that class
    severity    TEXT NOT NULL,            -- low, normal, high, critical
    topic       TEXT,                     -- null: not classified
    "references" TEXT NOT NULL,           -- JSON: exact identifiers in the text
    evidence    TEXT NOT NULL,            -- JSON: the words that decided it
    at          BIGINT NOT NULL,
    PRIMARY KEY (mention_id, revision)
);
CREATE INDEX assessment_class ON assessment (class, at);

-- Who is behind an author. Ended, never overwritten, so that it can be undone.
CREATE TABLE person_link (
    id         TEXT PRIMARY KEY,
    author_id  TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    certainty  TEXT NOT NULL,     -- certain, probable
    provenance TEXT NOT NULL,     -- reference, handle, email, phone, name, staff
    evidence   TEXT NOT NULL,     -- in words
    created_at BIGINT NOT NULL,
    ended_at   BIGINT,            -- undone or replaced
    ended_by   TEXT               -- who undid it
);
CREATE INDEX person_link_author ON person_link (author_id);

-- An answer to one of the three questions. Append-only; problems are resolved on reading.
CREATE TABLE match_answer (
    id           TEXT PRIMARY KEY,
    mention_id   TEXT NOT NULL,
    revision     BIGINT NOT NULL,
    question     TEXT NOT NULL,            -- same_case, same_customer, same_problem
    ticket_id    TEXT,                     -- the ticket that carries the answer
    problem_id   TEXT,                     -- the problem as linked when it was answered
    contact_id   TEXT,
    tier         TEXT NOT NULL,            -- reference, thread, customer, text, none
    score        DOUBLE PRECISION NOT NULL,
    probability  DOUBLE PRECISION NOT NULL,
    band         TEXT NOT NULL,            -- known, perhaps, new
    evidence     TEXT NOT NULL,            -- JSON
    version      TEXT NOT NULL,            -- model version
    register_seq BIGINT NOT NULL,          -- register change number it was answered on
    at           BIGINT NOT NULL
);
CREATE INDEX match_answer_mention ON match_answer (mention_id, revision);
CREATE INDEX match_answer_problem ON match_answer (problem_id);

-- What is to be done about a revision, and why. One each.
CREATE TABLE decision (
    id         TEXT PRIMARY KEY,
    mention_id TEXT NOT NULL,
    revision   BIGINT NOT NULL,
    case_id    TEXT,              -- the case it belongs to; null when it opens none
    mode       TEXT NOT NULL,     -- observe, act
    verdict    TEXT NOT NULL,     -- known, perhaps, new, none
    urgency    TEXT NOT NULL,     -- low, normal, high, critical
    exposure   TEXT NOT NULL,     -- JSON: inputs, formula, result
    reasons    TEXT NOT NULL,     -- JSON: every reason, in order
    register_age_millis BIGINT,   -- age of the register it was made on; null before the first complete sync
    matched_seq BIGINT NOT NULL,  -- register change number it was last matched against
    at         BIGINT NOT NULL,
    UNIQUE (mention_id, revision)
);

CREATE INDEX decision_rematch ON decision (at) WHERE verdict IN ('perhaps', 'new', 'unread');

-- Our file on one person's one complaint.
CREATE TABLE complaint_case (
    id         TEXT PRIMARY KEY,
    number     BIGINT NOT NULL UNIQUE, -- what people call it
    author_id  TEXT NOT NULL,
    contact_id TEXT,
    ticket_id  TEXT,
    problem_id TEXT,
    topic      TEXT,
    severity   TEXT NOT NULL,
    urgency    TEXT NOT NULL,
    status     TEXT NOT NULL,          -- open, resolved, forwarded, declined
    opened_at  BIGINT NOT NULL,
    ended_at   BIGINT,
    ending     TEXT                    -- to whom, or why
);
CREATE INDEX complaint_case_author ON complaint_case (author_id);
CREATE INDEX complaint_case_open ON complaint_case (opened_at) WHERE status = 'open';

-- Which mentions belong to a case. Ended, never overwritten.
CREATE TABLE case_mention (
    case_id    TEXT NOT NULL,
    mention_id TEXT NOT NULL,
    added_at   BIGINT NOT NULL,
    ended_at   BIGINT,
    PRIMARY KEY (case_id, mention_id)
);
CREATE INDEX case_mention_mention ON case_mention (mention_id);

-- Something a receiver is owed. Written with the decision; a dispatcher turns it into an effect.
CREATE TABLE alert (
    id          TEXT PRIMARY KEY,
    key         TEXT NOT NULL UNIQUE,   -- cause and purpose; the same alert is owed once
    decision_id TEXT NOT NULL,
    case_id     TEXT NOT NULL,
    mention_id  TEXT NOT NULL,
    receiver    TEXT NOT NULL,          -- configured name
    kind        TEXT NOT NULL,          -- complaint, worse, more, recurrence, critical
    urgency     TEXT NOT NULL,
    state       TEXT NOT NULL,          -- owed, sent_off, observed, cancelled
    due_at      BIGINT NOT NULL,        -- now, or at the latest when the maximum wait ends
    created_at  BIGINT NOT NULL
);
CREATE INDEX alert_owed ON alert (due_at) WHERE state = 'owed';
CREATE INDEX alert_case ON alert (case_id);

-- Something owed to the outside world: the outbox.
CREATE TABLE effect (
    id              TEXT PRIMARY KEY,
    key             TEXT NOT NULL UNIQUE,  -- cause and purpose; the peer can recognise a repeat by it
    target          TEXT NOT NULL,         -- 'channel:RECEIVER' or 'crm:REGISTER'
    thread          TEXT NOT NULL,         -- order is kept within it
    thread_seq      BIGINT NOT NULL,       -- place in the thread, from a locked counter
    lane            BIGINT NOT NULL,       -- 0 critical, 1 high, 2 normal, 3 low
    intent          TEXT NOT NULL,         -- JSON: what to do, with ids
    frozen          TEXT,                  -- the bytes to send, fixed at the first attempt
    state           TEXT NOT NULL,         -- ready, started, delivered, dead, superseded, cancelled, observed
    open            BIGINT NOT NULL,       -- 1 while ready or started
    next_at         BIGINT NOT NULL,       -- due time while ready, end of the lease while started
    lease_token     TEXT,                  -- fencing token of the worker that has it
    attempts        BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    finished_at     BIGINT,
    receipt         TEXT,                  -- the peer's final yes: an SMTP reply, a record id
    failure_kind    TEXT,
    failure_message TEXT,
    cause           TEXT NOT NULL          -- decision or alert it comes from
);
CREATE INDEX effect_due ON effect (next_at) WHERE open = 1;
CREATE INDEX effect_thread ON effect (thread, thread_seq) WHERE open = 1;
CREATE INDEX effect_cause ON effect (cause);

-- Places given out per thread.
CREATE TABLE thread_counter (
    thread TEXT PRIMARY KEY,
    value  BIGINT NOT NULL
);

-- Every try at an effect. 'started' is committed before a byte leaves; without an outcome it is unknown.
CREATE TABLE attempt (
    effect_id  TEXT NOT NULL,
    number     BIGINT NOT NULL,
    token      TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT,
    outcome    TEXT NOT NULL,   -- started, delivered, failed, unknown, fenced
    answer     TEXT,            -- the peer's words, cut and redacted
    PRIMARY KEY (effect_id, number)
);

-- Who did what, when. Written with the change itself.
CREATE TABLE audit (
    id      TEXT PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT NOT NULL,   -- 'gehoord', or a person
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,   -- table and id
    detail  TEXT NOT NULL    -- no personal data
);
CREATE INDEX audit_subject ON audit (subject);
