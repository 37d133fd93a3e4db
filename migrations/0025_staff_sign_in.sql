alter table staff add column totp bytea;
alter table staff add column totp_step bigint;
comment on column staff.totp is 'The sealed secret of the authenticator app.';
comment on column staff.totp_step is 'The last time step whose code signed in: each counts once.';

create table staff_recovery_codes (
    staff uuid not null constraint staff_recovery_codes_staff_fkey references staff (id) on delete cascade,
    hash bytea not null,
    used_at timestamptz,
    constraint staff_recovery_codes_pkey primary key (staff, hash)
);
comment on table staff_recovery_codes is
    'What signs in once in place of an authenticator app that was lost.';

create table staff_sessions (
    id uuid not null constraint staff_sessions_pkey primary key,
    hash bytea not null constraint staff_sessions_hash_key unique,
    staff uuid not null constraint staff_sessions_staff_fkey references staff (id) on delete cascade,
    browser text not null,
    opened_at timestamptz not null,
    seen_at timestamptz not null,
    proved_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz
);
comment on table staff_sessions is
    'Who is signed in to the console. proved_at: when password and code were last given, which secrets and keys ask for anew.';
create index staff_sessions_staff on staff_sessions (staff) where ended_at is null;

create table staff_attempts (
    subject bytea not null constraint staff_attempts_pkey primary key,
    tries integer not null,
    since timestamptz not null
);
comment on table staff_attempts is
    'Tries to sign in to the console, per account and per address, both as keyed hashes. Counted before they are checked.';

grant select, insert, update, delete
    on staff_recovery_codes, staff_sessions, staff_attempts to numbercloak_app;
