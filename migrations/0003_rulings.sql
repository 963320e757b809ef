-- What colleagues said about our answers: what an installation learns from. Append-only; of one mention the latest counts.
CREATE TABLE ruling (
    id           TEXT PRIMARY KEY,
    mention_id   TEXT NOT NULL,
    revision     BIGINT NOT NULL,           -- the revision that they looked at
    said         TEXT NOT NULL,             -- confirm, reject, instead, new_problem
    ticket_id    TEXT,                      -- what it is about according to them; null when it is nothing known
    problem_id   TEXT,
    shown        TEXT NOT NULL,             -- JSON: the answers as they were shown, with probabilities and evidence
    version      TEXT NOT NULL,             -- model version that made these
    actor        TEXT NOT NULL,             -- who said it
    at           BIGINT NOT NULL
);
CREATE INDEX ruling_mention ON ruling (mention_id, at);
