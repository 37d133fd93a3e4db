alter table sessions add column browser_hash bytea;
comment on column sessions.browser_hash is
    'The hash of the browser''s own cookie at the verdict: a session answers only beside it. Null in rows of the release before, which answer nothing.';
create index sessions_expires on sessions (expires_at);

create index grants_session on grants (session_id) where session_id is not null;
create index go_aheads_expires on go_aheads (expires_at);

alter table logins add column session_id uuid;
comment on column logins.session_id is
    'The session that answered, or that may answer once the person has agreed.';
