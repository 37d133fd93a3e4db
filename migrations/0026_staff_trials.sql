create table staff_trials (
    id uuid not null constraint staff_trials_pkey primary key,
    staff uuid not null constraint staff_trials_staff_fkey references staff (id) on delete cascade,
    client_id text not null,
    trial_client text not null constraint staff_trials_trial_client_key unique,
    state_hash bytea not null constraint staff_trials_state_hash_key unique,
    sealed bytea not null,
    result bytea,
    opened_at timestamptz not null,
    expires_at timestamptz not null,
    answered_at timestamptz
);
comment on table staff_trials is
    'Sign-ins that staff try out. trial_client: the short-lived copy of the client that runs them. sealed: its secret, nonce and PKCE verifier. result: what came back, sealed; both seals are for the row.';

grant select, insert, update, delete on staff_trials to numbercloak_app;
grant delete on clients to numbercloak_app;
