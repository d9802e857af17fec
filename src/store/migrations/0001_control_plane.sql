-- Times are bound by the server, UTC, to the microsecond. Money is in minor units. Scores are 0 to 1.

CREATE TABLE tenants (
    id {{uuid}} PRIMARY KEY,
    name TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    industry TEXT,
    -- IANA name; days and weeks are cut here.
    timezone TEXT NOT NULL,
    self_registration BOOLEAN NOT NULL,
    setup_completed_at {{ts}},
    created_at {{ts}} NOT NULL,
    updated_at {{ts}} NOT NULL
);

CREATE TABLE users (
    id {{uuid}} PRIMARY KEY,
    tenant_id {{uuid}} NOT NULL REFERENCES tenants (id),
    -- Lower case; unique on the whole server.
    email TEXT NOT NULL UNIQUE,
    -- Argon2id, PHC string. None: invited, and yet to set one.
    password_hash TEXT,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    phone TEXT,
    role TEXT NOT NULL,
    language TEXT,
    avatar TEXT,
    notification_prefs {{json}} NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_at {{ts}} NOT NULL,
    updated_at {{ts}} NOT NULL,
    last_seen_at {{ts}}
);
CREATE INDEX users_by_tenant ON users (tenant_id, created_at);

-- One sign-in: its access tokens name it, its refresh token is kept as a hash.
CREATE TABLE logins (
    id {{uuid}} PRIMARY KEY,
    tenant_id {{uuid}} NOT NULL REFERENCES tenants (id),
    user_id {{uuid}} NOT NULL REFERENCES users (id),
    refresh_hash {{bytes}} NOT NULL UNIQUE,
    expires_at {{ts}} NOT NULL,
    revoked_at {{ts}},
    created_at {{ts}} NOT NULL
);
CREATE INDEX logins_by_user ON logins (user_id);

CREATE TABLE reset_tokens (
    token_hash {{bytes}} PRIMARY KEY,
    user_id {{uuid}} NOT NULL REFERENCES users (id),
    expires_at {{ts}} NOT NULL,
    used_at {{ts}},
    created_at {{ts}} NOT NULL
);
CREATE INDEX reset_tokens_by_user ON reset_tokens (user_id);

CREATE TABLE business_configs (
    id {{uuid}} PRIMARY KEY,
    tenant_id {{uuid}} NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    config_data {{json}} NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_at {{ts}} NOT NULL,
    updated_at {{ts}} NOT NULL
);
CREATE INDEX business_configs_by_tenant ON business_configs (tenant_id, created_at, id);

-- A tenant's keys for vendors and the carrier, sealed with the server's secret.
CREATE TABLE credentials (
    tenant_id {{uuid}} NOT NULL REFERENCES tenants (id),
    provider TEXT NOT NULL,
    sealed {{bytes}} NOT NULL,
    updated_at {{ts}} NOT NULL,
    PRIMARY KEY (tenant_id, provider)
);

CREATE TABLE phone_numbers (
    id {{uuid}} PRIMARY KEY,
    tenant_id {{uuid}} NOT NULL REFERENCES tenants (id),
    number TEXT NOT NULL UNIQUE,
    display_name TEXT,
    provider TEXT NOT NULL,
    country TEXT NOT NULL,
    city TEXT,
    monthly_cost BIGINT,
    business_id {{uuid}} REFERENCES business_configs (id),
    hours {{json}},
    after_hours_action TEXT,
    is_active BOOLEAN NOT NULL,
    created_at {{ts}} NOT NULL
);
CREATE INDEX phone_numbers_by_tenant ON phone_numbers (tenant_id, created_at);

CREATE TABLE agents (
    id {{uuid}} PRIMARY KEY,
    tenant_id {{uuid}} NOT NULL REFERENCES tenants (id),
    user_id {{uuid}} REFERENCES users (id),
    name TEXT NOT NULL,
    email TEXT,
    phone TEXT,
    extension TEXT,
    -- available, busy, offline, break
    status TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    skills {{json}} NOT NULL,
    departments {{json}} NOT NULL,
    group_id {{uuid}},
    max_concurrent_calls BIGINT NOT NULL,
    total_calls_handled BIGINT NOT NULL,
    total_call_duration_seconds BIGINT NOT NULL,
    average_rating DOUBLE PRECISION,
    working_hours {{json}},
    last_active_at {{ts}},
    metadata {{json}} NOT NULL,
    created_at {{ts}} NOT NULL,
    updated_at {{ts}} NOT NULL,
    -- Removed; the calls of the past keep the name.
    deleted_at {{ts}}
);
CREATE INDEX agents_by_tenant ON agents (tenant_id, created_at, id);

CREATE TABLE jobs (
    id {{uuid}} PRIMARY KEY,
    tenant_id {{uuid}} NOT NULL REFERENCES tenants (id),
    contact_id {{uuid}},
    title TEXT NOT NULL,
    status TEXT NOT NULL,
    priority TEXT NOT NULL,
    address TEXT,
    scheduled_at {{ts}},
    created_at {{ts}} NOT NULL,
    updated_at {{ts}} NOT NULL
);
CREATE TABLE job_assignments (
    job_id {{uuid}} NOT NULL REFERENCES jobs (id),
    user_id {{uuid}} NOT NULL REFERENCES users (id),
    PRIMARY KEY (job_id, user_id)
);
CREATE INDEX job_assignments_by_user ON job_assignments (user_id, job_id);

CREATE TABLE calls (
    id {{uuid}} PRIMARY KEY,
    tenant_id {{uuid}} NOT NULL REFERENCES tenants (id),
    -- The carrier's; none until it has taken the call.
    call_sid TEXT UNIQUE,
    conference_sid TEXT,
    direction TEXT NOT NULL,
    -- queued, initiated, ringing, in_progress, completed, busy, no_answer, failed, canceled
    state TEXT NOT NULL,
    from_number TEXT NOT NULL,
    to_number TEXT NOT NULL,
    business_id {{uuid}},
    template_id TEXT,
    campaign_id {{uuid}},
    lead_id {{uuid}},
    contact_id {{uuid}},
    job_id {{uuid}} REFERENCES jobs (id),
    agent_id {{uuid}} REFERENCES agents (id),
    assigned_user_id {{uuid}} REFERENCES users (id),
    -- When it was placed or came in; equal to created_at until then.
    started_at {{ts}} NOT NULL,
    answered_at {{ts}},
    ended_at {{ts}},
    -- ended_at - started_at, whole seconds; with ended_at.
    duration_seconds BIGINT,
    end_reason TEXT,
    -- human, machine, fax, unknown
    answered_by TEXT,
    -- What a person set as the outcome; the dialling result follows from state and answered_by.
    disposition TEXT,
    outcome_details TEXT,
    recording_key TEXT,
    recording_sid TEXT,
    recording_seconds BIGINT,
    cost BIGINT,
    spoken_by_ai BOOLEAN NOT NULL,
    spoken_by_human BOOLEAN NOT NULL,
    language TEXT,
    intent TEXT,
    topics {{json}} NOT NULL,
    ai_confidence DOUBLE PRECISION,
    summary TEXT,
    -- Of the caller, smoothed; -1 to 1 and its label.
    sentiment_score DOUBLE PRECISION,
    sentiment TEXT,
    -- Of the latest QA score.
    qa_score DOUBLE PRECISION,
    -- Of the latest escalation, where that is not cancelled.
    escalation_status TEXT,
    notes TEXT,
    tags {{json}} NOT NULL,
    priority TEXT,
    is_spam BOOLEAN NOT NULL,
    spam_reason TEXT,
    is_after_hours BOOLEAN NOT NULL,
    metadata {{json}} NOT NULL,
    -- So many notes of the journal are in the tables below.
    journal_position BIGINT NOT NULL,
    -- The last of its events.
    event_sequence BIGINT NOT NULL,
    -- The process that has the call was seen with it.
    seen_at {{ts}} NOT NULL,
    -- Its socket has ended, and the carrier has not said whether the call has.
    doubted BOOLEAN NOT NULL DEFAULT FALSE,
    -- Scores and summary were made.
    analysed_at {{ts}},
    created_at {{ts}} NOT NULL,
    updated_at {{ts}} NOT NULL,
    -- Has it an escalation, the latest or not, that is not cancelled?
    escalated BOOLEAN NOT NULL DEFAULT FALSE,
    -- State, direction, sentiment and whether it was escalated, as one number: whatever is
    -- combined of them, it is some numbers of one index. `store::calls::facets` says which. And what
    -- is searched. SQLite reads no generated column from an index alone: there they are kept by hand.
--@sqlite
    facets BIGINT NOT NULL DEFAULT 0,
    numbers TEXT NOT NULL DEFAULT ''
--@postgres
    facets BIGINT NOT NULL GENERATED ALWAYS AS ({{facets}}) STORED,
    numbers TEXT NOT NULL GENERATED ALWAYS AS ({{numbers}}) STORED
--@all
);
--@sqlite
CREATE TRIGGER calls_added AFTER INSERT ON calls BEGIN
    UPDATE calls SET facets = {{facets}}, numbers = {{numbers}} WHERE id = new.id;
END;
CREATE TRIGGER calls_changed AFTER UPDATE OF state, direction, sentiment, escalated ON calls
WHEN new.state IS NOT old.state OR new.direction IS NOT old.direction
    OR new.sentiment IS NOT old.sentiment OR new.escalated IS NOT old.escalated
BEGIN
    UPDATE calls SET facets = {{facets}} WHERE id = new.id;
END;
CREATE TRIGGER calls_renumbered AFTER UPDATE OF from_number, to_number ON calls BEGIN
    UPDATE calls SET numbers = {{numbers}} WHERE id = new.id;
END;
--@all
-- Lists are read from these alone: the first three begin with a sort key, and all hold what narrows.
-- Statistics of calls are read from the first, which holds what they count. One narrower index more,
-- and SQLite would prefer it and look up every row.
CREATE INDEX calls_by_start ON calls
    (tenant_id, started_at, id, facets, business_id, qa_score, numbers, state, direction, sentiment,
     sentiment_score, duration_seconds, escalated);
CREATE INDEX calls_by_duration ON calls
    (tenant_id, duration_seconds, id, facets, business_id, qa_score, started_at, numbers);
CREATE INDEX calls_by_qa ON calls
    (tenant_id, qa_score, id, facets, business_id, started_at, numbers);
CREATE INDEX calls_by_facets ON calls
    (tenant_id, facets, started_at, id, business_id, qa_score, numbers);
CREATE INDEX calls_by_agent ON calls (agent_id, ended_at);
CREATE INDEX calls_by_job ON calls (job_id, tenant_id) WHERE job_id IS NOT NULL;
CREATE INDEX calls_unseen ON calls (seen_at) WHERE ended_at IS NULL;
CREATE INDEX calls_unanalysed ON calls (ended_at) WHERE ended_at IS NOT NULL AND analysed_at IS NULL;
CREATE INDEX calls_running ON calls (tenant_id, started_at, id) WHERE ended_at IS NULL;

-- What was said, as it was heard.
CREATE TABLE utterances (
    id {{serial}},
    tenant_id {{uuid}} NOT NULL,
    call_id {{uuid}} NOT NULL REFERENCES calls (id),
    -- Its place among the notes of the call's journal.
    position BIGINT NOT NULL,
    -- ai, customer, agent
    speaker TEXT NOT NULL,
    text TEXT NOT NULL,
    audio_url TEXT,
    at {{ts}} NOT NULL,
    -- Within its session of the call, ms.
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NOT NULL,
    sentiment_score DOUBLE PRECISION,
    sentiment TEXT,
    -- How far the sentiment is to be believed; NULL: it was judged in haste, without the model that is there.
    sentiment_confidence DOUBLE PRECISION,
    confidence DOUBLE PRECISION,
    metadata {{json}} NOT NULL,
    UNIQUE (call_id, position)
);
CREATE INDEX utterances_by_time ON utterances (call_id, at, id);

-- What happened, in the order in which clients are told.
CREATE TABLE call_events (
    call_id {{uuid}} NOT NULL REFERENCES calls (id),
    sequence BIGINT NOT NULL,
    tenant_id {{uuid}} NOT NULL,
    type TEXT NOT NULL,
    data {{json}} NOT NULL,
    at {{ts}} NOT NULL,
    PRIMARY KEY (call_id, sequence)
);

-- Where the time of each answer went.
CREATE TABLE call_turns (
    call_id {{uuid}} NOT NULL REFERENCES calls (id),
    position BIGINT NOT NULL,
    tenant_id {{uuid}} NOT NULL,
    turn BIGINT NOT NULL,
    -- From the caller's last sound to the agent's first heard one.
    total_ms BIGINT,
    culprit TEXT,
    -- The moments, ms within the session.
    waterfall {{json}} NOT NULL,
    at {{ts}} NOT NULL,
    PRIMARY KEY (call_id, position)
);

-- What scores rest on beside the words: tools that were used, knowledge that was told, both speaking at once.
CREATE TABLE call_facts (
    id {{serial}},
    tenant_id {{uuid}} NOT NULL,
    call_id {{uuid}} NOT NULL REFERENCES calls (id),
    -- Its place among the notes of the call's journal; NULL: it is in no journal.
    position BIGINT,
    at {{ts}} NOT NULL,
    data {{json}} NOT NULL,
    UNIQUE (call_id, position)
);

CREATE TABLE call_notes (
    id {{serial}},
    uid {{uuid}} NOT NULL UNIQUE,
    tenant_id {{uuid}} NOT NULL,
    call_id {{uuid}} NOT NULL REFERENCES calls (id),
    author_id {{uuid}} NOT NULL REFERENCES users (id),
    text TEXT NOT NULL,
    category TEXT,
    tags {{json}} NOT NULL,
    created_at {{ts}} NOT NULL,
    updated_at {{ts}} NOT NULL
);
CREATE INDEX call_notes_by_call ON call_notes (call_id, created_at, id);

CREATE TABLE qa_scores (
    id {{serial}},
    tenant_id {{uuid}} NOT NULL,
    call_id {{uuid}} NOT NULL REFERENCES calls (id),
    overall DOUBLE PRECISION NOT NULL,
    sentiment DOUBLE PRECISION NOT NULL,
    compliance DOUBLE PRECISION NOT NULL,
    accuracy DOUBLE PRECISION NOT NULL,
    professionalism DOUBLE PRECISION NOT NULL,
    sentiment_label TEXT NOT NULL,
    compliance_issues {{json}} NOT NULL,
    flagged_issues {{json}} NOT NULL,
    -- Quotes and where they stand, per issue.
    evidence {{json}} NOT NULL,
    reviewed_by TEXT NOT NULL,
    review_notes TEXT,
    created_at {{ts}} NOT NULL,
    updated_at {{ts}} NOT NULL,
    -- The call's last one: it alone counts.
    latest BOOLEAN NOT NULL,
    -- Of the call, where they do not change: statistics do not look it up.
    started_at {{ts}} NOT NULL,
    direction TEXT NOT NULL,
    business_id {{uuid}}
);
CREATE UNIQUE INDEX qa_scores_latest ON qa_scores (call_id) WHERE latest;
CREATE INDEX qa_scores_by_start ON qa_scores
    (tenant_id, started_at, direction, business_id, overall, sentiment, compliance, accuracy,
     professionalism, latest) WHERE latest;

-- What the latest scores name, compliance or not, once for a call.
CREATE TABLE qa_issues (
    call_id {{uuid}} NOT NULL REFERENCES calls (id),
    what TEXT NOT NULL,
    tenant_id {{uuid}} NOT NULL,
    -- Of the call.
    started_at {{ts}} NOT NULL,
    direction TEXT NOT NULL,
    business_id {{uuid}},
    PRIMARY KEY (call_id, what)
);
-- In the order of what is grouped: many issues, few names.
CREATE INDEX qa_issues_by_name ON qa_issues (tenant_id, what, started_at, direction, business_id);

CREATE TABLE escalations (
    id {{serial}},
    tenant_id {{uuid}} NOT NULL,
    call_id {{uuid}} NOT NULL REFERENCES calls (id),
    -- pending, in_progress, completed, cancelled
    status TEXT NOT NULL,
    -- How far it got: requested, ringing, accepted, bridged, declined, unanswered, failed, ended
    progress TEXT NOT NULL,
    trigger_type TEXT NOT NULL,
    trigger_details {{json}} NOT NULL,
    agent_id {{uuid}} REFERENCES agents (id),
    -- The agent's own leg at the carrier.
    agent_call_sid TEXT UNIQUE,
    summary TEXT,
    context_data {{json}} NOT NULL,
    requested_at {{ts}} NOT NULL,
    -- When the agent who is assigned now was assigned, if that was later.
    asked_at {{ts}},
    accepted_at {{ts}},
    completed_at {{ts}},
    -- Of the call, where they do not change: statistics do not look it up.
    started_at {{ts}} NOT NULL,
    direction TEXT NOT NULL,
    business_id {{uuid}}
);
CREATE INDEX escalations_by_call ON escalations (call_id, requested_at, id);
CREATE INDEX escalations_by_agent ON escalations (agent_id, status);
CREATE INDEX escalations_by_start ON escalations
    (tenant_id, started_at, direction, business_id, status, trigger_type, requested_at, completed_at);
CREATE INDEX escalations_open ON escalations (requested_at)
    WHERE status IN ('pending', 'in_progress');

CREATE TABLE knowledge (
    id {{serial}},
    uid {{uuid}} NOT NULL UNIQUE,
    tenant_id {{uuid}} NOT NULL REFERENCES tenants (id),
    business_id {{uuid}} REFERENCES business_configs (id),
    -- document, qa
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    -- Both, lower case: SQLite's own lower() knows ASCII alone.
    search_text TEXT NOT NULL,
    category TEXT,
    variations {{json}} NOT NULL,
    source TEXT,
    source_type TEXT,
    vector_id TEXT,
    usage_count BIGINT NOT NULL,
    last_used_at {{ts}},
    is_priority BOOLEAN NOT NULL,
    is_active BOOLEAN NOT NULL,
    metadata {{json}} NOT NULL,
    created_at {{ts}} NOT NULL,
    updated_at {{ts}} NOT NULL
);
CREATE INDEX knowledge_by_tenant ON knowledge (tenant_id, business_id, created_at, id);

-- Documents whose text is yet to be extracted; gone when it is.
CREATE TABLE knowledge_uploads (
    entry_id BIGINT PRIMARY KEY REFERENCES knowledge (id) ON DELETE CASCADE,
    tenant_id {{uuid}} NOT NULL,
    bytes {{bytes}} NOT NULL,
    -- How often it was begun: what ends the process each time is given up.
    tries BIGINT NOT NULL,
    -- Whoever is at it has it until then.
    taken_until {{ts}}
);

-- Grows with each change of a tenant's knowledge: what a process keeps of it is known to be old.
CREATE TABLE knowledge_versions (
    tenant_id {{uuid}} PRIMARY KEY REFERENCES tenants (id),
    version BIGINT NOT NULL
);

CREATE TABLE knowledge_chunks (
    id {{serial}},
    tenant_id {{uuid}} NOT NULL,
    entry_id BIGINT NOT NULL REFERENCES knowledge (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    heading TEXT NOT NULL,
    text TEXT NOT NULL,
    -- Vectors of little-endian f32, one after another, of the model that is named: what the passage
    -- says, and the ways of asking for it. None until a model has made them.
    vector {{bytes}},
    model TEXT,
    UNIQUE (entry_id, place)
);
CREATE INDEX knowledge_chunks_by_tenant ON knowledge_chunks (tenant_id, entry_id);
--@sqlite
CREATE VIRTUAL TABLE knowledge_words USING fts5 (
    heading, text, content = 'knowledge_chunks', content_rowid = 'id',
    tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER knowledge_words_in AFTER INSERT ON knowledge_chunks BEGIN
    INSERT INTO knowledge_words (rowid, heading, text) VALUES (new.id, new.heading, new.text);
END;
CREATE TRIGGER knowledge_words_out AFTER DELETE ON knowledge_chunks BEGIN
    INSERT INTO knowledge_words (knowledge_words, rowid, heading, text)
    VALUES ('delete', old.id, old.heading, old.text);
END;
CREATE TRIGGER knowledge_words_changed AFTER UPDATE OF heading, text ON knowledge_chunks BEGIN
    INSERT INTO knowledge_words (knowledge_words, rowid, heading, text)
    VALUES ('delete', old.id, old.heading, old.text);
    INSERT INTO knowledge_words (rowid, heading, text) VALUES (new.id, new.heading, new.text);
END;
--@postgres
ALTER TABLE knowledge_chunks ADD COLUMN words tsvector
    GENERATED ALWAYS AS (to_tsvector('simple', heading || ' ' || text)) STORED;
CREATE INDEX knowledge_chunks_by_words ON knowledge_chunks USING gin (words);
--@all

CREATE TABLE notifications (
    id {{serial}},
    tenant_id {{uuid}} NOT NULL,
    user_id {{uuid}} NOT NULL REFERENCES users (id),
    type TEXT NOT NULL,
    title TEXT NOT NULL,
    message TEXT NOT NULL,
    call_id {{uuid}} REFERENCES calls (id),
    data {{json}} NOT NULL,
    -- What it is about: nobody is told of it twice.
    about TEXT NOT NULL,
    read_at {{ts}},
    created_at {{ts}} NOT NULL,
    UNIQUE (user_id, about)
);
CREATE INDEX notifications_by_user ON notifications (user_id, created_at, id);
CREATE INDEX notifications_unread ON notifications (user_id) WHERE read_at IS NULL;

-- Nobody is called or written to who does not want it.
CREATE TABLE do_not_contact (
    tenant_id {{uuid}} NOT NULL REFERENCES tenants (id),
    number TEXT NOT NULL,
    -- call, sms, all
    channel TEXT NOT NULL,
    reason TEXT,
    source TEXT NOT NULL,
    expires_at {{ts}},
    created_at {{ts}} NOT NULL,
    PRIMARY KEY (tenant_id, number, channel)
);
CREATE TABLE blocked_numbers (
    tenant_id {{uuid}} NOT NULL REFERENCES tenants (id),
    number TEXT NOT NULL,
    reason TEXT,
    created_by {{uuid}},
    created_at {{ts}} NOT NULL,
    PRIMARY KEY (tenant_id, number)
);

CREATE TABLE webhook_deliveries (
    source TEXT NOT NULL,
    -- The sender's own name of the delivery, or a hash of its body.
    event_id TEXT NOT NULL,
    received_at {{ts}} NOT NULL,
    processed_at {{ts}},
    PRIMARY KEY (source, event_id)
);

CREATE TABLE audit_events (
    id {{serial}},
    tenant_id {{uuid}} NOT NULL,
    actor_id {{uuid}},
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    entity TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    before {{json}},
    after {{json}},
    address TEXT,
    at {{ts}} NOT NULL
);
CREATE INDEX audit_events_by_entity ON audit_events (tenant_id, entity, entity_id, at);
CREATE INDEX audit_events_by_time ON audit_events (tenant_id, at);
--@sqlite
CREATE TRIGGER audit_events_stay BEFORE UPDATE ON audit_events BEGIN
    SELECT RAISE(ABORT, 'audit is append-only');
END;
CREATE TRIGGER audit_events_remain BEFORE DELETE ON audit_events BEGIN
    SELECT RAISE(ABORT, 'audit is append-only');
END;
--@postgres
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'audit is append-only'; END $$;
CREATE TRIGGER audit_events_stay BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
--@all
