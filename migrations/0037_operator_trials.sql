create table operator_trials (
    id uuid not null constraint operator_trials_pkey primary key,
    staff uuid not null constraint operator_trials_staff_fkey references staff (id) on delete cascade,
    operator text not null,
    ticket_hash bytea not null constraint operator_trials_ticket_hash_key unique,
    stage text not null
        constraint operator_trials_stage_check check (stage in ('waiting', 'away', 'checking', 'ended')),
    sealed bytea not null,
    cookie_hash bytea,
    state_hash bytea,
    operator_revision integer,
    outcome text,
    report jsonb,
    created_at timestamptz not null,
    departed_at timestamptz,
    ended_at timestamptz,
    expires_at timestamptz not null
);
comment on table operator_trials is
    'One real check of a staff member''s own phone at one operator. No login, no leg, nothing a token could be made of.';
comment on column operator_trials.sealed is 'Number, ticket, nonce and PKCE verifier; deleted with the row.';
create index operator_trials_staff on operator_trials (staff, created_at);
create index operator_trials_expires on operator_trials (expires_at);

grant select, insert, update, delete on operator_trials to numbercloak_app;
