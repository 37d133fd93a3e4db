create table subject_epochs (
    number_hash bytea not null constraint subject_epochs_pkey primary key,
    key_id text not null,
    epoch integer not null,
    changed_at timestamptz not null
);
comment on table subject_epochs is
    'Numbers that changed hands: sub is made of the number and its epoch, 0 for all that are not here. Survives erasure.';

create table sessions (
    id uuid not null constraint sessions_pkey primary key,
    cookie_hash bytea not null constraint sessions_cookie_hash_key unique,
    number_hash bytea not null,
    epoch integer not null,
    verdict jsonb not null,
    sealed bytea not null,
    opened_at timestamptz not null,
    idle_expires_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz
);
comment on table sessions is
    'A browser''s signed-in state with us: one subject and the verdict that proves it. sealed: the number.';
create index sessions_number on sessions (number_hash) where ended_at is null;

create table go_aheads (
    browser_hash bytea not null,
    client_id text not null,
    subject text not null,
    release text[] not null,
    given_at timestamptz not null,
    expires_at timestamptz not null,
    constraint go_aheads_pkey primary key (browser_hash, client_id, subject)
);
comment on table go_aheads is
    'The person''s remembered consent to release: one browser, one client, one subject, and what may be released.';

create table grants (
    id uuid not null constraint grants_pkey primary key,
    client_id text not null,
    subject text not null,
    login_id uuid,
    session_id uuid,
    number_hash bytea not null,
    epoch integer not null,
    facts jsonb not null,
    sealed bytea,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz
);
comment on table grants is
    'What one client may be told about one verdict: the facts its tokens are made of. sealed: the number, only if the client may have it.';
create index grants_number on grants (number_hash);
create index grants_expires on grants (expires_at);

create table codes (
    hash bytea not null constraint codes_pkey primary key,
    grant_id uuid not null,
    client_id text not null,
    redirect_uri text not null,
    challenge text,
    expires_at timestamptz not null,
    redeemed_at timestamptz
);
comment on table codes is 'Authorization codes, by hash. Redeemed or burned once: redeemed_at is set.';
create index codes_expires on codes (expires_at);

create table access_tokens (
    hash bytea not null constraint access_tokens_pkey primary key,
    grant_id uuid not null,
    expires_at timestamptz not null
);
comment on table access_tokens is 'Opaque access tokens, by hash. Dead once expired or their grant ended.';
create index access_tokens_grant on access_tokens (grant_id);
create index access_tokens_expires on access_tokens (expires_at);

grant select, insert, update on subject_epochs, sessions, grants to numbercloak_app;
grant select, insert, update, delete on go_aheads, codes, access_tokens to numbercloak_app;
grant delete on sessions, grants to numbercloak_app;

create table assertion_ids (
    client_id text not null,
    jti_hash bytea not null,
    expires_at timestamptz not null,
    constraint assertion_ids_pkey primary key (client_id, jti_hash)
);
comment on table assertion_ids is 'jti values of client assertions seen, until they expire: each counts once over all replicas.';
create index assertion_ids_expires on assertion_ids (expires_at);
grant select, insert, delete on assertion_ids to numbercloak_app;

-- so that `doctor` can tell whether the schema is current
do $$
begin
    if to_regclass('_sqlx_migrations') is not null then
        grant select on _sqlx_migrations to numbercloak_app;
    end if;
end
$$;
