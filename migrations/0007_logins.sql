create table logins (
    id uuid not null constraint logins_pkey primary key,
    client_id text not null,
    cookie_hash bytea not null,
    browser_hash bytea,
    stage text not null constraint logins_stage_check check (stage in ('open', 'away', 'checking', 'confirm', 'problem', 'ended')),
    request jsonb not null,
    sealed bytea,
    number_source text constraint logins_number_source_check check (number_source in ('hint', 'person', 'session')),
    pressed boolean not null,
    leg_id uuid,
    legs integer not null,
    mismatches integer not null,
    outcome text,
    answer bytea,
    opened_at timestamptz not null,
    expires_at timestamptz not null,
    changed_at timestamptz not null,
    ended_at timestamptz
) partition by range (id);
comment on table logins is
    'One attempt by one browser for one client. sealed: the number and what was kept of the request that is personal. pressed: a person pressed a button of ours. answer: the sealed answer to the RP once ended, for the same browser''s reload.';
create table logins_default partition of logins default;
-- on a column that changes once: a step that touches no indexed column rewrites no index (HOT)
create index logins_unfinished on logins (expires_at) where ended_at is null;

create table legs (
    id uuid not null constraint legs_pkey primary key,
    login_id uuid not null,
    operator text not null,
    operator_revision integer not null,
    method text not null,
    rule text not null,
    state_hash bytea not null,
    sealed bytea not null,
    number_hash bytea,
    stage text not null constraint legs_stage_check check (stage in ('away', 'claimed', 'closed')),
    outcome text,
    departed_at timestamptz not null,
    expires_at timestamptz not null,
    claimed_at timestamptz,
    closed_at timestamptz
) partition by range (id);
comment on table legs is
    'One trip of a phone''s browser to one operator for one number. sealed: number, nonce and PKCE verifier. number_hash: the keyed hash of a number to verify, for the limit of tries. rule: what chose the operator.';
create table legs_default partition of legs default;
create index legs_login on legs (login_id);
create index legs_unfinished on legs (expires_at) where closed_at is null;
create index legs_number on legs (number_hash, id) where number_hash is not null;

grant select, insert, update on logins, legs to numbercloak_app;

select make_partitions(name, moment)
from unnest(array['audit_records', 'audit_personal', 'logins', 'legs']) as name,
    (select now() as moment) as clock;

grant execute on function make_partitions to numbercloak_app;
